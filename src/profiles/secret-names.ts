/** Names whose values no message quotes, not even when what is written there cannot be read. */

/** Misspelt ones as well: nobody sees what a line was meant to be when it is wrong. That a harmless word is left out of a message costs little. */
const SECRET = /pas+w|pasp?hr|pwd|token|tokn|secret|subscri|hashed|credential/;

/** Whether a key's name, or any of several in a text, sounds like a password, a token, a subscription key. */
export function soundsSecret(text: string): boolean {
  return SECRET.test(text.toLowerCase().replaceAll(/[-_ ]/g, ''));
}

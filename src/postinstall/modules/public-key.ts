/** What several modules take as an OpenSSH public key. */
import { Type } from '@sinclair/typebox';

/** One line of an authorized_keys file without options: type, base64, and a comment without control characters. */
export const PublicKey = Type.String({
  pattern:
    '^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\\.com|sk-ecdsa-sha2-nistp256@openssh\\.com) [A-Za-z0-9+/]+={0,2}( [^\\u0000-\\u001f\\u007f]{0,200})?$',
  maxLength: 8000,
});

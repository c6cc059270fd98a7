/** `ironwake completion SHELL`: a script for bash, zsh or fish, made from the commands themselves, so that it never knows less than they do. */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Entry {
  /** Words that lead to the command: `node import`; empty for the program itself. */
  readonly path: string;
  /** What may follow: word and what it is for. */
  readonly words: ReadonlyArray<readonly [word: string, description: string]>;
}

export function completionScript(program: Command, shell: Shell): string {
  const entries = entriesOf(program, '');
  return { bash, zsh, fish }[shell](entries);
}

function entriesOf(command: Command, path: string): readonly Entry[] {
  const { commands } = command;
  const words = [
    ...commands.map((child) => [child.name(), child.description()] as const),
    ...command.options.flatMap(({ long, description }) =>
      typeof long === 'string' ? [[long, description] as const] : [],
    ),
  ];
  const below = commands.flatMap((child) => entriesOf(child, `${path} ${child.name()}`.trim()));
  return [{ path, words }, ...below];
}

const names = ({ words }: Entry): string => words.map(([word]) => word).join(' ');

/** Words are those of the program: letters and hyphens. Without an answer of ours the shell offers files. */
function bash(entries: readonly Entry[]): string {
  const cases = entries.map((entry) => `    '${entry.path}') words='${names(entry)}' ;;\n`).join('');
  return `# Completion of ironwake for bash: source it, or put it into /etc/bash_completion.d.
_ironwake() {
  local path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) break ;;
      *) if _ironwake_words "\${path:+$path }$word" > /dev/null; then path="\${path:+$path }$word"; else break; fi ;;
    esac
  done
  words=$(_ironwake_words "$path")
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
_ironwake_words() {
  local words
  case "$1" in
${cases}    *) return 1 ;;
  esac
  printf '%s\\n' "$words"
}
complete -o default -F _ironwake ironwake
`;
}

function zsh(entries: readonly Entry[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const cases = entries
    .map(({ path, words }) => {
      const lines = words.map(([word, description]) => quote(`${word}:${description.replaceAll(':', '\\:')}`));
      return `    ${quote(path)}) ironwake_found=(${lines.join(' ')}) ;;\n`;
    })
    .join('');
  return `#compdef ironwake
# Completion of ironwake for zsh: put it into a directory of $fpath as _ironwake, or source it after compinit.
_ironwake_words() {
  case "$1" in
${cases}    *) return 1 ;;
  esac
}
_ironwake() {
  # Not called words: that is what zsh itself keeps the typed ones in.
  local -a words_typed ironwake_found
  local word_path='' word
  words_typed=("\${(@)words[2,CURRENT-1]}")
  for word in $words_typed; do
    [[ $word == -* ]] && break
    _ironwake_words "\${word_path:+$word_path }$word" || break
    word_path="\${word_path:+$word_path }$word"
  done
  _ironwake_words "$word_path"
  _describe 'ironwake' ironwake_found || _files
}
(( $+functions[compdef] )) && compdef _ironwake ironwake
`;
}

function fish(entries: readonly Entry[]): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = entries.flatMap(({ path, words }) =>
    words.map(([word, description]) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c ironwake -n ${quote(`__ironwake_at ${quote(path)}`)} ${what} -d ${quote(description)}\n`;
    }),
  );
  const paths = entries.map(({ path }) => path).filter((path) => path !== '');
  return `# Completion of ironwake for fish: put it into ~/.config/fish/completions/ironwake.fish, or source it.
set -g __ironwake_paths ${paths.map(quote).join(' ')}
function __ironwake_at
    set -l found ''
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and break
        set -l next (string trim -- "$found $word")
        contains -- $next $__ironwake_paths; or break
        set found $next
    end
    test "$found" = "$argv[1]"
end
${lines.join('')}`;
}

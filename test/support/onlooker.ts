/**
 * Looks at the processes of a container as anybody on a node can: whatever stands in their arguments and environments, all the time. One process
 * that starts no others, so that it looks a hundred times a second and leaves the processor to what it looks at.
 */
import type { Container } from './container.ts';

const SEEN = '/root/seen';
const LOOK = String.raw`use strict;
open my $seen, '>>', '${SEEN}' or die; select $seen; $| = 1;
my %known;
while (1) {
  opendir my $proc, '/proc' or die;
  for my $pid (grep /^[0-9]+$/, readdir $proc) {
    for my $file ("/proc/$pid/cmdline", "/proc/$pid/environ") {
      open my $in, '<:raw', $file or next;
      local $/;
      my $text = <$in>;
      next if !defined $text || $known{$text}++;
      $text =~ tr/\0/\n/;
      print "$text\n";
    }
  }
  select undef, undef, undef, 0.01;
}
`;

export interface Onlooker {
  /**
   * Ends it.
   * @returns all that it has seen
   * @throws Error when it had gone blind: it must have seen a word that is shown to it last
   */
  end(): Promise<string>;
}

export async function watchProcesses(container: Container): Promise<Onlooker> {
  await container.write('/root/look.pl', LOOK);
  await container.sh('systemd-run --quiet --unit=onlooker perl /root/look.pl');
  const seen = () => container.sh(`cat ${SEEN} 2> /dev/null || true`);
  // Words, as an argument and in an environment, that it must have seen before the test goes on, and before it ends.
  const show = async (word: string) => {
    await container.sh(
      `systemd-run --quiet --unit=${word} --setenv=SHOWN=${word} perl -e 'sleep 600' argument-${word}`,
    );
    await container.until(`the onlooker to see ${word}`, async () => {
      const text = await seen();
      return text.includes(`SHOWN=${word}\n`) && text.includes(`\nargument-${word}\n`);
    });
    await container.sh(`systemctl stop ${word}`);
  };
  await show('first-word');
  return {
    async end() {
      await show('last-word');
      await container.sh('systemctl stop onlooker');
      return seen();
    },
  };
}

# shellcheck shell=bash
# pve_groups_of USER: the Proxmox VE groups that USER is in, one a line; on standard input the list of groups as JSON, one object a line.
pve_groups_of() {
  # shellcheck disable=SC2016
  perl -ne 'BEGIN { $user = shift } my ($group) = /"groupid"\s*:\s*"([^"]+)"/ or next; my ($users) = /"users"\s*:\s*"([^"]*)"/ or next;
    print "$group\n" if grep { $_ eq $user } split /,/, $users' "$1"
}

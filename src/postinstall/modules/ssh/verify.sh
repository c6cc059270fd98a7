#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

expect_file files/10-ironwake.conf /etc/ssh/sshd_config.d/10-ironwake.conf
mkdir -p /run/sshd
# Another drop-in that sorts before ours would win: what counts is what sshd makes of them all. Without -C it ignores Match blocks.
effective=$(sshd -T -C user=root,host=localhost,addr=192.0.2.1) || fail 'sshd refuses its own configuration'
setting_of() { awk -v key="$1" '$1 == key { print $2 }' <<< "$effective"; }
password=$(parameter password-authentication)
while read -r key value; do expect "$key" "$value" "$(setting_of "${key,,}")"; done < <(bash ./wanted.sh)

# And what the running daemon offers, which may be another thing than its files.
if [ "$password" = no ] && command -v ssh > /dev/null; then
  address=$(setting_of listenaddress | grep -v '^\[' | head -n 1 || true)
  address=${address%:*}
  if [ -z "$address" ] || [ "$address" = 0.0.0.0 ]; then address=127.0.0.1; fi
  # After a reload sshd does not listen for a moment.
  offered=$(ssh -F /dev/null -o ConnectionAttempts=5 -o BatchMode=yes -o PreferredAuthentications=none -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=10 \
    -p "$(setting_of port | head -n 1)" "root@$address" true 2>&1 < /dev/null || true)
  expect 'what sshd offers' publickey "$(sed -n 's/.*Permission denied (\(.*\))\..*/\1/p' <<< "$offered")"
fi
expect 'probe key in authorized_keys' 0 "$(grep -c " ironwake-probe-$(uname -n)\$" /root/.ssh/authorized_keys 2> /dev/null || true)"
verified

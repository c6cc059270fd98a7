#!/bin/bash
# old-zone.sh: prints the units that go by the clock and were started before the zone was set: libc reads /etc/localtime once.
since=$(stat -c %Y /etc/localtime)
for unit in pvescheduler pvedaemon pvestatd pveproxy pmgdaemon proxmox-backup-proxy proxmox-backup cron rsyslog postfix; do
  started=$(systemctl show --property=ActiveEnterTimestamp --value "$unit.service")
  if [ "$(systemctl is-active "$unit.service")" = active ] && [ -n "$started" ] && [ "$(date -d "$started" +%s)" -lt "$since" ]; then
    printf '%s.service\n' "$unit"
  fi
done

# jails.py JAIL...: what the running Fail2Ban does, asked once over its socket: lines `JAIL KEY VALUE`. Its own client takes a process for each
# question. On standard input: whom it must not ban, one a line; who is not among those that it ignores is printed as `JAIL missing ADDRESS`.
import sys

from fail2ban.client.csocket import CSocket
from fail2ban.server.ipdns import IPAddr

socket = CSocket('/var/run/fail2ban/fail2ban.sock')


def ask(*question):
    code, answer = socket.send(list(question))
    return answer if code == 0 else None


# As Fail2Ban writes them itself: without host bits, /32 and /128.
wanted = [str(IPAddr(line.strip())) for line in sys.stdin if line.strip()]
for jail in sys.argv[1:]:
    retries = ask('get', jail, 'maxretry')
    if retries is None:
        continue
    print(jail, 'settings', retries, ask('get', jail, 'findtime'), ask('get', jail, 'bantime'))
    print(jail, 'actions', *(ask('get', jail, 'actions') or []))
    print(jail, 'usedns', ask('get', jail, 'usedns'))
    ignored = {str(network) for network in ask('get', jail, 'ignoreip') or []}
    for network in wanted:
        if network not in ignored:
            print(jail, 'missing', network)
    for pattern in ask('get', jail, 'failregex') or []:
        print(jail, 'pattern', pattern)
    for address in ask('get', jail, 'banip') or []:
        print(jail, 'bans', address)
socket.close()

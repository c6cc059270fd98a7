#!/bin/bash
# shellcheck source=src/postinstall/shell/module.sh
. "$IRONWAKE_LIB/module.sh"

if ! command -v locale-gen > /dev/null; then
  apt_get update || true
  apt_get install --no-install-recommends locales || fail 'the package locales cannot be installed'
  changed 'package locales'
fi

cp /etc/locale.gen "$IRONWAKE_STATE/locale.gen"
missing=''
while read -r name; do
  # Debian's file has every locale as a comment; de_DE.UTF-8@x would be written de_DE@x.
  line="${name} UTF-8"
  case $name in *@*) line="${name/.UTF-8/} UTF-8" ;; esac
  grep -qxF "$line" /usr/share/i18n/SUPPORTED || fail "Debian has no locale $name"
  grep -qxF "$line" "$IRONWAKE_STATE/locale.gen" || printf '%s\n' "$line" >> "$IRONWAKE_STATE/locale.gen"
  # locale -a spells it its own way: de_DE.utf8
  locale -a | grep -qixF "${name/.UTF-8/.utf8}" || missing="$missing $name"
done < parameters/locales
install_file "$IRONWAKE_STATE/locale.gen" /etc/locale.gen 0644
if [ -n "$missing" ]; then
  locale-gen || fail 'locale-gen failed'
  changed "locales$missing"
fi

lang=$(parameter lang)
messages=$(parameter messages)
# Debian 13 keeps it in /etc/locale.conf and links to there; the tool knows.
if [ "$(bash ./setting.sh LANG)" != "$lang" ] || [ "$(bash ./setting.sh LC_MESSAGES)" != "$messages" ]; then
  keep "$(realpath -m /etc/default/locale)"
  # LANGUAGE goes before LANG where gettext is asked, and LC_ALL before everything.
  update-locale LANG="$lang" LC_MESSAGES="$messages" LANGUAGE LC_ALL || fail 'update-locale refused the settings'
  changed "LANG=$lang LC_MESSAGES=$messages"
fi
if [ -n "$(bash ./setting.sh LANGUAGE)$(bash ./setting.sh LC_ALL)" ]; then
  keep "$(realpath -m /etc/default/locale)"
  update-locale LANGUAGE LC_ALL
  changed 'LANGUAGE and LC_ALL removed'
fi

#!/bin/sh
# Runs inside a clean Debian, as root: install, use, upgrade, remove and purge the package. One line for each finding:
# "ok NAME", "FAILED NAME: why" or "skipped NAME: why".
#
# usage: scenario.sh DIR      DIR holds old.deb and new.deb, and maybe old.db, a songbook of an earlier schema
#
# With systemd as process 1 the service is tried as systemd runs it, without it as a plain foreground program.
set -u
dir=$1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
api=http://127.0.0.1:5560/api/v1
database=/var/lib/songbookd/songbook.db

said() { printf '%s\n' "$*"; }
check() { # NAME COMMAND...: the command succeeds within half a minute of trying
    name=$1
    shift
    n=0
    while ! "$@" >/tmp/out 2>&1; do
        n=$((n + 1))
        if [ $n -ge 150 ]; then
            said "FAILED $name: $* -- $(tail -c 600 /tmp/out | tr '\n' ' ')"
            return 1
        fi
        sleep 0.2
    done
    said "ok $name"
}
has() { # TEXT COMMAND...: its output holds the text
    text=$1
    shift
    "$@" 2>&1 | tee /tmp/has | grep -qF -- "$text" || { cat /tmp/has; return 1; }
}
not() { ! "$@"; }
property() { systemctl show -P "$1" songbookd; }
restarts_reach() { [ "$(property NRestarts)" -ge "$1" ]; } # a machine that stands still may cost one more

booted=no
[ -d /run/systemd/system ] && booted=yes

# --- a home as PiKaraoke leaves it ---------------------------------------------------------------
useradd --create-home pi
chmod 755 /home/pi
mkdir -p /home/pi/pikaraoke-songs
for song in 'ABBA - Dancing Queen (Karaoke Version)---aBcDeFgHiJk.mp4' 'Queen - Innuendo.mp4' 'Wonderwall in the style of Oasis.mp4'; do
    touch -d '1 hour ago' "/home/pi/pikaraoke-songs/$song"
done
chown -R pi:pi /home/pi

# --- install -------------------------------------------------------------------------------------
if [ $booted = no ]; then
    # No question to anyone in the net: the providers are off. (A booted machine has no network.)
    mkdir -p /etc/songbookd
    printf '[library]\nfolders = /home/pi/pikaraoke-songs\n[lastfm]\nenabled = no\n[musicbrainz]\nenabled = no\n[listenbrainz]\nenabled = no\n' \
        >/etc/songbookd/songbookd.conf
fi
mkdir -p /etc/credstore
printf '0123456789abcdef0123456789abcdef\n' >/etc/credstore/songbookd.lastfm
chmod 600 /etc/credstore/songbookd.lastfm
check installs apt-get install -y -q "$dir/old.deb"
check user-exists getent passwd songbookd
check found-the-songs-by-itself grep -qx 'folders = /home/pi/pikaraoke-songs' /etc/songbookd/songbookd.conf
check configuration-is-good songbookd --check-config
check manual-pages-are-there test -e /usr/share/man/man8/songbookd.8.gz -a -e /usr/share/man/man1/songbookctl.1.gz
check answers-offline-without-the-service has 'Dancing Queen' sh -c "ls /home/pi/pikaraoke-songs | songbookctl parse"

start() {
    if [ $booted = yes ]; then
        systemctl start songbookd
    else
        install -d -o songbookd -g songbookd -m 750 /var/lib/songbookd /run/songbookd
        setpriv --reuid songbookd --regid songbookd --clear-groups env STATE_DIRECTORY=/var/lib/songbookd \
            RUNTIME_DIRECTORY=/run/songbookd HOME=/var/lib/songbookd songbookd >>/tmp/daemon.log 2>&1 &
        pid=$!
    fi
}
as_pi() {
    setpriv --reuid pi --regid pi --init-groups env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/home/pi \
        XDG_RUNTIME_DIR="/run/user/$(id -u pi)" "$@"
}
stop() {
    if [ $booted = yes ]; then
        systemctl stop songbookd
    else
        kill "$pid"
        wait "$pid"
    fi
}

chmod 700 /home/pi
check setup-tells-which-folder-is-closed has "chmod o+x '/home/pi'" songbookctl setup --system
chmod 755 /home/pi
check setup-by-root-means-the-service has '/etc/songbookd/songbookd.conf is there' songbookctl setup
check setup-is-content-with-an-open-one not has 'chmod' songbookctl setup --system

# --- use -------------------------------------------------------------------------------------------
[ $booted = yes ] || start
check lists-the-songs has '"title":"Dancing Queen"' songbookctl --json songs
check answers-on-the-unix-socket has '"name":"songbookd"' songbookctl --socket /run/songbookd/songbookd.sock --json health
check takes-an-edit songbookctl edit 1 artist=Kept title=Edit
check backs-up-while-it-works songbookctl backup /tmp/copy.db
check takes-another-edit songbookctl edit 1 artist=Lost title=Edit
stop
check restores songbookctl restore /tmp/copy.db
chown songbookd: $database
start
check has-what-was-backed-up has '"artist":"Kept"' songbookctl --json songs
check serves-metrics has 'songbookd_songs{status="manual"} 1' curl -sS http://127.0.0.1:5560/metrics

if [ $booted = yes ]; then
    check starts-by-itself has active systemctl is-active songbookd
    check is-enabled has enabled systemctl is-enabled songbookd
    check tells-a-sentence has songs property StatusText
    check runs-as-its-own-user has songbookd ps -o user= -p "$(property MainPID)"
    check gets-its-key-as-a-credential has set songbookctl settings API_KEYS.lastfm
    check keeps-the-journal-without-a-warning not sh -c "journalctl -q -u songbookd -p warning | grep -v 'network\|provider' | grep ."
    main=$(property MainPID)
    cp /etc/songbookd/songbookd.conf /tmp/good.conf
    printf '\n[musicbrainz]\nnonsense = 1\n' >>/etc/songbookd/songbookd.conf
    systemctl reload songbookd
    check reload-of-a-bad-file-keeps-the-old has 'the old configuration stays in force' journalctl -u songbookd
    check survives-it has "$main" property MainPID
    cat /tmp/good.conf >/etc/songbookd/songbookd.conf
    printf '\n[log]\nlevel = debug\n' >>/etc/songbookd/songbookd.conf
    systemctl reload songbookd
    check reload-of-a-good-file has debug songbookctl settings log.level
    cat /tmp/good.conf >/etc/songbookd/songbookd.conf
    systemctl reload songbookd

    # a loop that stands still
    mkdir -p /run/systemd/system/songbookd.service.d
    printf '[Service]\nWatchdogSec=5\nRestartSec=1\nTimeoutAbortSec=5\n' >/run/systemd/system/songbookd.service.d/quick.conf
    systemctl daemon-reload
    systemctl restart songbookd
    kill -STOP "$(property MainPID)"
    check watchdog-restarts-a-loop-that-stands-still restarts_reach 1
    check works-after-that has Edit songbookctl show 1
    # a crash
    restarts=$(property NRestarts)
    kill -SEGV "$(property MainPID)"
    check is-restarted-after-a-crash restarts_reach $((restarts + 1))
    check kept-the-edit has Edit songbookctl show 1
    rm -r /run/systemd/system/songbookd.service.d
    systemctl daemon-reload
    check doctor-finds-the-service-and-the-songs has 'ok    song folder' songbookctl doctor
    # nothing but its folders can be written; nothing but sockets it needs
    check cannot-write-elsewhere has 'Read-only file system' nsenter -t "$(property MainPID)" -m touch /home/pi/pikaraoke-songs/x /usr/x
    stop
    check stops-cleanly has 0 property ExecMainStatus
    check stops-with-success has success property Result
    printf '[nonsense]\nx = 1\n' >/etc/songbookd/songbookd.conf
    systemctl start songbookd 2>/dev/null
    check wrong-configuration-ends-with-78 has 78 property ExecMainStatus
    check wrong-configuration-is-not-tried-again has 0 property NRestarts
    cat /tmp/good.conf >/etc/songbookd/songbookd.conf
    systemctl reset-failed songbookd
    start
    check starts-again has Edit songbookctl show 1

    # --- the same for the desktop user, whose home is closed to others and who needs no permission of root for anything
    stop
    chmod 700 /home/pi
    check user-manager-runs loginctl enable-linger pi
    check user-setup-writes-a-configuration as_pi songbookctl setup
    check user-setup-found-the-songs grep -qx 'folders = /home/pi/pikaraoke-songs' /home/pi/.config/songbookd/songbookd.conf
    check user-service-starts as_pi systemctl --user start songbookd
    check user-service-runs-as-that-user has pi ps -o user= -p "$(as_pi systemctl --user show -P MainPID songbookd)"
    check user-service-lists-the-songs has '"title":"Dancing Queen"' as_pi songbookctl --json songs
    check user-service-tells-a-sentence has songs as_pi systemctl --user show -P StatusText songbookd
    check user-doctor-finds-the-service has 'ok    service' as_pi songbookctl doctor
    printf '\n[nonsense]\nx = 1\n' >>/home/pi/.config/songbookd/songbookd.conf
    as_pi systemctl --user reload songbookd
    check user-service-keeps-the-old-configuration has 'the old configuration stays in force' journalctl
    check user-service-answers-still as_pi songbookctl status
    as_pi systemctl --user stop songbookd
    check user-service-stops-with-success has success as_pi systemctl --user show -P Result songbookd
    check user-service-kept-to-the-home test -s /home/pi/.local/state/songbookd/songbook.db
    loginctl disable-linger pi
    rm -r /home/pi/.config /home/pi/.local
    chmod 755 /home/pi
    start
    check starts-after-that has Edit songbookctl show 1
else
    said "skipped service: systemd is not process 1 here"
fi

# --- upgrade ---------------------------------------------------------------------------------------
if [ -e "$dir/old.db" ]; then
    stop
    rm -f $database*
    install -o songbookd -g songbookd -m 600 "$dir/old.db" $database
fi
check upgrades apt-get install -y -q "$dir/new.deb"
[ $booted = yes ] || [ -e "$dir/old.db" ] || stop
start
check is-new-after-the-upgrade has "$(dpkg-deb -f "$dir/new.deb" Version)" dpkg-query -W -f '${Version}' songbookd
if [ -e "$dir/old.db" ]; then
    check keeps-the-songs-of-an-earlier-schema has '"id":' curl -sS "$api/songs?presence=all"
    if [ -e "$dir/expect-backup" ]; then
        check backs-up-before-a-migration sh -c "ls /var/lib/songbookd | grep -i backup"
    fi
else
    check keeps-the-edit has Edit songbookctl show 1
fi
check keeps-the-configuration grep -q pikaraoke-songs /etc/songbookd/songbookd.conf

# --- remove and purge --------------------------------------------------------------------------------
[ $booted = yes ] || stop
check removes apt-get remove -y -q songbookd
check program-is-gone not test -e /usr/bin/songbookd
check songbook-stays test -s $database
if [ $booted = yes ]; then
    check service-is-gone not systemctl is-active songbookd
fi
check installs-again apt-get install -y -q "$dir/new.deb"
[ $booted = yes ] || start
check finds-its-songbook-again has '"id":' curl -sS "$api/songs?presence=all"
[ $booted = yes ] || stop
check purges apt-get purge -y -q songbookd
check leaves-nothing not sh -c "find / -xdev -iname '*songbook*' -not -path '/proc/*' -not -path '$dir/*' -not -path '/tmp/*' -not -path '/var/log/*' -not -path '/var/cache/*' -not -path '/var/lib/apt/*' -not -path '/run/*' | grep ."
said "ok end"

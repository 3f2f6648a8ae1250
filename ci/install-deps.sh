#!/bin/bash
# install-deps.sh SET...: install the Debian packages of the sets in packages.txt that are missing; says nothing when none is
set -euo pipefail
here=$(dirname "$0")

if ! command -v dpkg-query >/dev/null; then
    echo "install-deps: not a Debian system: install the counterparts of ci/packages.txt, then use make DEPS=no" >&2
    exit 1
fi
release=$(. /etc/os-release && echo "${VERSION_ID:-99}")

wanted=$(awk -v sets=" $* " -v release="${release%%.*}" '
    /^#/ || NF < 2 || !index(sets, " " $1 " ") { next }
    { since = 0; if (split($2, part, "@") == 2) since = part[2]; if (release + 0 >= since + 0) print part[1] }
' "$here/packages.txt" | sort -u)
[ -n "$wanted" ] || { echo "install-deps: no such set: $*" >&2; exit 2; }

# no process substitution here: a build root may lack /dev/fd
missing() {
    local installed
    # dpkg-query fails for names that it has never seen, which is what is being asked
    # shellcheck disable=SC2086 # a list of names
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p') || true
    grep -vxF -e "${installed:-none}" <<<"$wanted" || true
}
list=$(missing)
[ -n "$list" ] || exit 0

# two targets of one make may both find something missing; the second then finds it installed
exec 9>"${TMPDIR:-/tmp}/.dbstep-install-deps.$(id -u)"
flock 9
list=$(missing)
[ -n "$list" ] || exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps: these packages are missing, and only root can install them:" $list >&2
        exit 1
    fi
    sudo=sudo
fi
echo "install-deps: installing" $list
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    $sudo apt-get update -q || return
    # shellcheck disable=SC2086 # a list of names
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $list
}
if ! install >"$log" 2>&1; then
    cat "$log" >&2
    echo "install-deps: apt could not install:" $list >&2
    exit 1
fi

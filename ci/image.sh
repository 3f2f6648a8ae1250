#!/bin/bash
# image.sh: build the container image dbstep:$VERSION with buildah, and try the very file that is in it
#
# Needs root. Where no image registry is within reach the base image is made once, by debootstrap, from the machine's own
# mirror. Exits 77 when that mirror cannot be reached, which says nothing about this project.
set -euo pipefail
version=${VERSION:-$(cat VERSION)}
commit=${COMMIT:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
image=localhost/dbstep:$version
base=localhost/debian:13-slim
suite=trixie

[ "$(id -u)" -eq 0 ] || { echo "image: building an image with buildah takes root" >&2; exit 1; }

work=$(mktemp -d)
container=
finish() {
    [ -z "$container" ] || buildah rm "$container" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(LABEL)' 2>/dev/null |
    awk -F'|' '$1 == "Packages" && $2 == "Debian" && $4 == "Debian" { print $3; exit }')}
mirror=${mirror:-http://deb.debian.org/debian}
mirror=${mirror%/}
security=${DEBIAN_SECURITY_MIRROR:-$(apt-get indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(LABEL)' 2>/dev/null |
    awk -F'|' '$1 == "Packages" && $3 == "Debian-Security" { print $2; exit }')}
security=${security:-http://deb.debian.org/debian-security}
security=${security%/}

if ! /usr/lib/apt/apt-helper download-file "$mirror/dists/$suite/InRelease" "$work/InRelease" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "image: NOT BUILT: the Debian mirror $mirror cannot be reached" >&2
    exit 77
fi

if [ -z "$(buildah images -q "$base" 2>/dev/null)" ]; then
    echo "image: making the base image $base from $mirror"
    # debootstrap knows nothing of apt's proxy
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [ -z "${proxy:-}" ] || export http_proxy="$proxy"
    if ! debootstrap --variant=minbase "$suite" "$work/root" "$mirror" >"$work/log" 2>&1; then
        tail -30 "$work/log" >&2
        echo "image: debootstrap failed" >&2
        exit 1
    fi
    printf 'deb %s main\n' "$mirror $suite" "$mirror $suite-updates" "$security $suite-security" \
        >"$work/root/etc/apt/sources.list"
    # what this machine needs to get at its mirror (proxies, tolerance of a snapshot's dates) the build stage needs as well
    apt-config dump Acquire::http Acquire::https Acquire::Check-Valid-Until Acquire::Check-Date \
        >"$work/root/etc/apt/apt.conf.d/90builder"
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
    container=$(buildah from scratch)
    buildah add -q "$container" "$work/root" / >/dev/null
    buildah config --cmd bash "$container"
    buildah commit -q "$container" "$base" >/dev/null
    buildah rm "$container" >/dev/null
    container=
fi

echo "image: building $image"
if ! buildah bud --isolation chroot --pull-never --build-arg VERSION="$version" --build-arg COMMIT="$commit" \
    -t "$image" . >"$work/log" 2>&1; then
    tail -60 "$work/log" >&2
    echo "image: buildah failed" >&2
    exit 1
fi
grep -E '^(hardening|  FETCH)' "$work/log" || true

# ---------------------------------------------------------------------------------------------------- what is in it

die() { echo "image: $1" >&2; exit 1; }
config=$(buildah inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}' "$image")
[ "$config" = "65532:65532 [/dbstep]" ] || die "user and entry point are '$config'"
container=$(buildah from --pull-never "$image")
root=$(buildah mount "$container")
[ "$(stat -c %a "$root/tmp")" = 1777 ] || die "/tmp has mode $(stat -c %a "$root/tmp")"
for f in LICENSE NOTICE etc/passwd etc/ssl/certs/ca-certificates.crt licenses/openssl licenses/postgresql; do
    [ -s "$root/$f" ] || die "/$f is missing or empty"
done
said=$(env -i "$(command -v chroot)" --userspec=65532:65532 "$root" /dbstep version) || die "/dbstep version failed"
echo "image: $said"
[[ "$said" == *"$version"* ]] || die "the program in it does not say version $version"
ci/smoke-empty-root.sh "$root/dbstep"
echo "image: $image, $(du -sb "$root" | cut -f1) bytes"

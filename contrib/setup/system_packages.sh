#!/bin/bash
# Install the Debian packages that tiered needs, if one of them is missing.
set -euo pipefail

packages=(librsync2 gnupg rdiff age zstd python3-venv)

all_there() {
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q 'librsync\.so\.2 ' &&
        command -v gpg >/dev/null &&
        command -v rdiff >/dev/null &&
        command -v age >/dev/null &&
        command -v zstd >/dev/null &&
        "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null
}

if all_there; then
    exit 0
fi

"$(dirname "$0")/debian_packages.sh" "tiered needs" "${packages[@]}"

if ! all_there; then
    echo "${packages[*]} are installed, but librsync.so.2, gpg, rdiff, age, zstd or the venv module of ${PYTHON:-python3} is not found." >&2
    exit 1
fi

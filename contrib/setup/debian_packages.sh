#!/bin/bash
# Install Debian packages: debian_packages.sh "WHO needs" PACKAGE...
# Where that is not allowed, say who needs them.
set -euo pipefail
who_needs=$1
shift

if [ "$(id -u)" = 0 ]; then
    as_root=(env)
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "$who_needs the Debian packages $*: install them, then try again." >&2
    exit 1
fi

"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@"

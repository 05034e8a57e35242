#!/bin/bash
# Install rsync and ssh for tests, if one of them is missing.  Neither starts a service.
set -euo pipefail

if command -v rsync >/dev/null && command -v ssh >/dev/null; then
    exit 0
fi

if [ "$(id -u)" = 0 ]; then
    as_root=(env)
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "The tests need the Debian packages rsync and openssh-client: install them." >&2
    exit 1
fi

"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends rsync openssh-client

#!/bin/bash
# Install Azurite, an Azure Blob Storage for tests, and node if it is missing, into a
# folder that is made anew when the lock changes.
set -euo pipefail
folder=$(realpath -m "$1")
lock=$(realpath "$(dirname "$0")/../servers/azurite")

if ! command -v npm >/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        as_root=(env)
    elif sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        echo "The tests need the Debian packages nodejs and npm: install them." >&2
        exit 1
    fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends nodejs npm
fi

rm -rf "$folder"
mkdir -p "$folder"
cp "$lock"/package.json "$lock"/package-lock.json "$folder"
npm ci --prefix "$folder" --loglevel=error --no-audit --no-fund --ignore-scripts >&2

#!/bin/bash
# Unpack Debian's OpenSSH server into a folder, for tests.  Nothing is installed or
# started: the package itself would enable a service.
set -euo pipefail
folder=$(realpath -m "$1")

if [ -x /usr/sbin/sshd ] || [ -x "$folder/usr/sbin/sshd" ]; then
    exit 0
fi

rm -rf "$folder"
mkdir -p "$folder/packages"
cd "$folder/packages"
fetch() { apt-get download -qq openssh-server libwrap0; }
if ! fetch 2>/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq
    elif sudo -n true 2>/dev/null; then
        sudo -n apt-get update -qq
    fi
    fetch || {
        echo "The tests need an OpenSSH server: install the package openssh-server." >&2
        exit 1
    }
fi
for package in *.deb; do
    dpkg-deb -x "$package" "$folder"
done

libraries=$(dirname "$(find "$folder" -name libwrap.so.0)")
if LD_LIBRARY_PATH=$libraries ldd "$folder/usr/sbin/sshd" | grep "not found" >&2; then
    rm -rf "$folder"
    echo "Install these libraries, or the package openssh-server." >&2
    exit 1
fi

#!/bin/sh
# Restore an archive of style tiered without tiered: with age, zstd, GNU tar, rdiff.
#
#     restore.sh KEY OBJECTS TARGET [TIME]
#
# KEY      a file with the archive's private key: what `age --decrypt` makes of a key
#          object, or that of the recovery sheet in one line without blanks; or - if
#          the archive has none: with a key, objects in the clear are not looked at
# OBJECTS  a folder with all volumes of a chain; other objects are not looked at
# TARGET   a new folder; the files come to TARGET/snapshot
# TIME     restore no newer state than this, as 20261121T011337Z
#
# Run it as root, or owners are lost.  Times of directories may be wrong.
set -eu
die() { echo "restore.sh: $*" >&2; exit 1; }

# Steps for one staged file, $file, that is about $path:
fill() { # it gets this content; its attributes stay
    touch -r "$file" "$work/time"
    if [ -w "$file" ]; then cat "$1" >"$file"; else
        chmod u+w "$file"; cat "$1" >"$file"; chmod u-w "$file"; fi
    touch -r "$work/time" "$file"
}
join() { # the other pieces come behind the first
    cp "$file" "$work/new"; n=2
    while [ -e "${file%1}$n" ]; do cat "${file%1}$n" >>"$work/new"; n=$((n + 1)); done
    fill "$work/new"
}
patch() { # a delta becomes the file
    rm -f "$work/new"; rdiff patch "$state/$path" "$file" "$work/new"; fill "$work/new"
}
named() { other=$(cat "$1"; echo .); other=${other%.}; } # keeps line feeds at the end
copy() { named "$file"; fill "$state/$other"; } # a path becomes what stands there
same() { # it does, too, but a path may stand there again
    named "$file"
    while [ -f "$stage/same/$other" ]; do named "$stage/same/$other"; done
    fill "$state/$other"
}
place() { # it goes where it belongs; what is in its way goes
    at=$state rest=$path
    while [ "$rest" != "${rest#*/}" ]; do
        at=$at/${rest%%/*} rest=${rest#*/}
        if [ -L "$at" ] || [ ! -d "$at" ]; then rm -f "$at"; mkdir "$at"; fi
    done
    rm -rf "${at:?}/$rest"; mv "$file" "$at/$rest"
}
each() { # take these steps with each file in a folder of the stage
    case $2 in multivol_*) name=1 ;; *) name='*' ;; esac
    find "$stage/$2" -type f -name "$name" -exec sh "$0" --each "$1" "$2" {} +
}
if [ "${1-}" = --each ]; then
    steps=$2 folder=$3; shift 3
    for file; do
        path=${file#"$stage/$folder/"}
        case $folder in multivol_*) path=${path%/1} ;; esac
        for step in $steps; do "$step"; done
    done
    exit
fi
opened() { if [ "$end_of_name" ]; then age --decrypt --identity "$key" "$1"; else cat "$1"; fi; }
unpack() { # all volumes of $set through tar, with these options
    count=0
    while for v in "$objects"/*"tiered-$set.vol$((count + 1)).difftar.zst$end_of_name"; do :; done
        [ -e "$v" ]; do
        { opened "$v" || touch "$work/bad"; } | { zstd -dcq || touch "$work/bad"; } |
            tar --extract --preserve-permissions --xattrs --xattrs-include='*' --anchored \
                --warning=no-unknown-keyword --warning=no-timestamp "$@" || touch "$work/bad"
        count=$((count + 1))
    done
}
checked() { unpack "$@"; [ ! -e "$work/bad" ] || die "a volume of $set cannot be read"; }
later() { expr "x$1" '>' "x$2" >/dev/null; }
pick() { # the newest set whose name begins so; $end is empty if there is none
    end=
    for v in "$objects"/*"tiered-$1"*.vol1.difftar.zst$end_of_name; do
        t=${v##*"tiered-$1"} t=${t%%.*}
        [ ! -e "$v" ] || later "$t" "$time" || later "$end" "$t" || end=$t set=$1$t
    done
}

[ $# -eq 3 ] || [ $# -eq 4 ] || die "usage: restore.sh KEY OBJECTS TARGET [TIME]"
case $1 in -) end_of_name= ;; *) end_of_name=.age ;; esac
key=$1 objects=$2 time=${4-A} deltas='multivol_diff diff copy'; mkdir "$3"; target=$(cd "$3"; pwd)
export work="$target/.work" stage="$target/.work/stage" state="$target/snapshot"
pick full.; [ "$end" ] || die "OBJECTS holds no full backup of that time"
while [ "$end" ]; do
    for folder in same multivol_snapshot $deltas; do mkdir -p "$state" "$stage/$folder"; done
    checked --directory "$stage" --exclude=snapshot --exclude=deleted
    [ "$(tr -dc 0-9 <"$stage/end.json")" = $count ] || die "volumes of $set are missing"
    each join multivol_snapshot; each 'join patch' multivol_diff; each patch diff; each copy copy
    [ "$set" = "full.$end" ] || checked --directory "$stage" --exclude='[!d]*' --exclude=diff \
        --to-command='rm -rf "$state/${TAR_FILENAME#deleted/}"'
    for folder in multivol_snapshot $deltas; do each place $folder; done
    if [ "$(find "$stage/same" -type f | head -c 1)" ]; then # links to these must wait
        unpack --directory "$target" --exclude='[!s]*' --exclude='s[ae]*' 2>/dev/null
        rm -f "$work/bad"; each 'same place' same
    fi
    checked --directory "$target" --exclude='[!s]*' --exclude='s[ae]*'
    rm -rf "$work"; echo "$set"; pick "inc.$end.to."
done

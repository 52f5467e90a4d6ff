#!/bin/sh
# Reads messages with mblaze and prints what it sees, one line a thing.
# maddr gives a name with a comma in two lines, so names are taken from the whole field.

field() {
    mhdr -d -h "$1" "$2" | sed 's/>, */>\n/g' | while IFS= read -r one; do
        # A quoted string loses its quotes and backslashes; other names are as they are.
        name=$(printf '%s' "$one" | sed 's/ *<[^<]*>$//; /^"/{s/^"\(.*\)"$/\1/; s/\\\(.\)/\1/g;}')
        address=$(printf '%s' "$one" | sed 's/.*<\([^<]*\)>$/\1/')
        [ "$name" = "$address" ] && name=
        printf '%s\t%s\t%s\n' "$1" "$name" "$address"
    done
}

for path in "$@"; do
    printf 'message\t%s\n' "$path"
    printf 'subject\t%s\n' "$(mhdr -d -h subject "$path")"
    field from "$path"
    field to "$path"
    mshow -t "$path" | sed 1d | while IFS= read -r line; do
        number=$(printf '%s' "$line" | sed 's/^ *\([0-9]*\):.*/\1/')
        kind=$(printf '%s' "$line" | sed 's/^ *[0-9]*: \([^ ]*\).*/\1/')
        name=$(printf '%s' "$line" | sed -n 's/.* name="\(.*\)"$/\1/p')
        case $kind in multipart/*) continue ;; esac
        if [ -z "$name" ]; then
            # $(...) takes the line ends off the end of the text.
            text=$(mshow -O "$path" "$number" | tr -d '\r')
            size=$(printf '%s' "$text" | wc -c)
            digest=$(printf '%s' "$text" | sha256sum)
        else
            size=$(mshow -O "$path" "$number" | wc -c)
            digest=$(mshow -O "$path" "$number" | sha256sum)
        fi
        printf 'part\t%s\t%s\t%s\t%s\n' "$kind" "$name" "$size" "${digest%% *}"
    done
done

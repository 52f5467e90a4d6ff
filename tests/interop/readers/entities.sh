#!/bin/sh
# Reads messages with mblaze and prints every entity that it sees, one line each. mblaze looks into a
# message within the message too; what it finds there belongs to that message's bytes.

for path in "$@"; do
    printf 'message\t%s\n' "$path"
    printf 'subject\t%s\n*\n' "$(mhdr -d -h subject "$path")"
    inside=
    mshow -t "$path" | sed 1d | while IFS= read -r line; do
        blanks=$(printf '%s' "$line" | sed 's/[^ ].*//')
        depth=$(((${#blanks} - 2) / 2))
        if [ -n "$inside" ] && [ "$depth" -gt "$inside" ]; then continue; fi
        inside=
        number=$(printf '%s' "$line" | sed 's/^ *\([0-9]*\):.*/\1/')
        kind=$(printf '%s' "$line" | sed 's/^ *[0-9]*: \([^ ]*\).*/\1/')
        name=$(printf '%s' "$line" | sed -n 's/.* name="\(.*\)"$/\1/p')
        size=- digest=-
        case $kind in
        multipart/*) ;;
        message/rfc822)
            inside=$depth
            content=$(mshow -O "$path" "$number" | tr -d '\r'; printf x)
            ;;
        text/*)
            content=
            if [ -z "$name" ] && [ "$depth" -eq 0 ]; then
                # $(...) takes the line ends off the end of the text.
                content=$(mshow -O "$path" "$number" | tr -d '\r')x
            elif [ -z "$name" ]; then
                content=$(mshow -O "$path" "$number" | tr -d '\r'; printf x)
            fi
            ;;
        *) content= ;;
        esac
        case $kind in
        multipart/*) ;;
        *)
            if [ -n "$content" ]; then
                size=$(printf '%s' "${content%x}" | wc -c)
                digest=$(printf '%s' "${content%x}" | sha256sum)
            else
                size=$(mshow -O "$path" "$number" | wc -c)
                digest=$(mshow -O "$path" "$number" | sha256sum)
            fi
            ;;
        esac
        printf 'entity\t%s\t%s\t*\t%s\t*\t*\t*\t%s\t%s\n' "$depth" "$kind" "$name" "$size" "${digest%% *}"
    done
done

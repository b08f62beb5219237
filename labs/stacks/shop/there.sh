#!/bin/sh
# there NAME: whether a service of the shop has said that it is ready, and still runs.
read -r pid 2>/dev/null <"/run/shop/$1" && kill -0 "$pid" 2>/dev/null

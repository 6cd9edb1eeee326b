#!/bin/sh
# with_newer_client.sh FOLDER PROGRAM [ARGUMENT...]: runs a program with the librdkafka of a folder in place of the
# system's. Ends with 77, which is ctest's word for skipped, when there is none.
folder=$1
shift
if [ ! -e "$folder/librdkafka.so.1" ]; then
  echo "skipped: there is no newer librdkafka in $folder; ./dev test fetches one"
  exit 77
fi
LD_LIBRARY_PATH=$folder exec "$@"

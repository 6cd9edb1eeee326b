// What the thread sanitizer cannot judge. Debian's librdkafka and RocksDB are not built with it: their atomics are unseen,
// so a buffer that one thread reads and another frees after the last reference is gone looks like a race. A report with
// one of these libraries in a stack is dropped; a race between two places of ours has none there and is shown.
const char* __tsan_default_suppressions(void) {
  return "race:librdkafka.so\n"
         "race:librocksdb.so\n";
}

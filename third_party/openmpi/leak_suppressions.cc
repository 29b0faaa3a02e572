// What Open MPI allocates once and never frees, for LeakSanitizer (--config=asan); a plain build
// never calls this.
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
  return "leak:libopen-pal\n"
         "leak:libopen-rte\n"
         "leak:libmpi\n"
         "leak:libpmix\n"
         "leak:libhwloc\n"
         "leak:libevent\n"
         "leak:mca_\n";
}

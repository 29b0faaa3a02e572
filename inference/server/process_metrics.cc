#include "inference/server/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace strata::inference {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double CpuSeconds() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? Seconds(usage.ru_utime) + Seconds(usage.ru_stime)
                                             : 0;
}

double OpenFiles() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

// Fields of /proc/self/stat from the third on (proc(5)): the second, the name, may hold anything but its last ')'.
std::istringstream StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');
  return std::istringstream(name_end == std::string::npos ? "" : text.substr(name_end + 1));
}

}  // namespace

ProcessMetrics::ProcessMetrics(MetricRegistry& registry)
    : cpu_seconds_(registry
                       .PlainCounters("process_cpu_seconds_total",
                                      "Processor time of the process, user and system, in seconds.")
                       .Add({})),
      resident_bytes_(registry.PlainGauge("process_resident_memory_bytes",
                                          "Memory that is resident, in bytes.")),
      virtual_bytes_(
          registry.PlainGauge("process_virtual_memory_bytes", "Address space in use, in bytes.")),
      open_files_(registry.PlainGauge("process_open_fds", "Open file descriptors.")),
      threads_(registry.PlainGauge("process_threads", "Threads.")),
      start_time_(registry.PlainGauge("process_start_time_seconds",
                                      "When the process began to serve, in seconds since 1970.")) {
  start_time_.Set(
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
}

void ProcessMetrics::Set() {
  const double cpu = CpuSeconds();
  RaiseTo(cpu_seconds_, cpu);
  open_files_.Set(OpenFiles());
  std::istringstream fields = StatFields();
  std::string skipped;
  for (int field = 3; field < 20; ++field) fields >> skipped;
  double threads = 0, virtual_bytes = 0, resident_pages = 0;
  fields >> threads >> skipped >> skipped >> virtual_bytes >> resident_pages;
  threads_.Set(threads);
  virtual_bytes_.Set(virtual_bytes);
  resident_bytes_.Set(resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

}  // namespace strata::inference

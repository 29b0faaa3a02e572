#include "base/warning.h"

#include <cstdio>
#include <mutex>

namespace strata {
namespace {

std::mutex& Mutex() {
  static auto* mutex = new std::mutex();
  return *mutex;
}

WarningCapture* innermost = nullptr;  // guarded by Mutex()

}  // namespace

void Warn(absl::string_view message) {
  std::lock_guard<std::mutex> lock(Mutex());
  if (innermost != nullptr) {
    innermost->messages_.emplace_back(message);
    return;
  }
  std::fprintf(stderr, "strata: warning: %.*s\n", static_cast<int>(message.size()), message.data());
}

WarningCapture::WarningCapture() {
  std::lock_guard<std::mutex> lock(Mutex());
  outer_ = innermost;
  innermost = this;
}

WarningCapture::~WarningCapture() {
  std::lock_guard<std::mutex> lock(Mutex());
  innermost = outer_;
}

std::vector<std::string> WarningCapture::messages() const {
  std::lock_guard<std::mutex> lock(Mutex());
  return messages_;
}

}  // namespace strata

#include "distributed/checkpoint/file_hook.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

struct Hooked {
  std::mutex mutex;
  std::string folder;
  FileHook::Body body;  // empty: no hook is set
  int calls = 0;
};

Hooked& TheHook() {
  static auto* hooked = new Hooked;
  return *hooked;
}

thread_local bool inside_hook = false;

// What the hook says, 0 without one.
int Ask(FileOp op, const std::string& path, const std::string& from = "") {
  if (inside_hook) return 0;
  Hooked& hooked = TheHook();
  const std::lock_guard<std::mutex> lock(hooked.mutex);
  if (!hooked.body || !absl::StartsWith(path, hooked.folder)) return 0;
  inside_hook = true;
  const int error = hooked.body({hooked.calls++, op, path, from});
  inside_hook = false;
  return error;
}

std::string PathOf(int descriptor) {
  char target[4096];
  const std::string link = absl::StrCat("/proc/self/fd/", descriptor);
  const ssize_t length = readlink(link.c_str(), target, sizeof(target));
  return length < 0 ? "" : std::string(target, static_cast<size_t>(length));
}

std::string PathAt(int folder, const char* name) {
  return folder == AT_FDCWD || name[0] == '/' ? name : absl::StrCat(PathOf(folder), "/", name);
}

int Fail(int error) {
  errno = error;
  return -1;
}

int OpenAt(int folder, const char* path, int flags, mode_t mode) {
  const int error = (flags & O_CREAT) != 0 ? Ask(FileOp::kCreate, PathAt(folder, path)) : 0;
  if (error != 0) return Fail(error);
  return static_cast<int>(syscall(SYS_openat, folder, path, flags, mode));
}

}  // namespace

FileHook::FileHook(std::string folder, Body body) {
  Hooked& hooked = TheHook();
  const std::lock_guard<std::mutex> lock(hooked.mutex);
  hooked.folder = std::move(folder);
  hooked.body = std::move(body);
  hooked.calls = 0;
}

FileHook::~FileHook() {
  Hooked& hooked = TheHook();
  const std::lock_guard<std::mutex> lock(hooked.mutex);
  hooked.body = nullptr;
}

int FileHook::calls() const {
  Hooked& hooked = TheHook();
  const std::lock_guard<std::mutex> lock(hooked.mutex);
  return hooked.calls;
}

}  // namespace strata::distributed

// In the C library's place.
extern "C" {

using strata::distributed::FileOp;
namespace hook = strata::distributed;

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return hook::OpenAt(AT_FDCWD, path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  const int error = hook::Ask(FileOp::kWrite, hook::PathOf(descriptor));
  if (error == 0) return syscall(SYS_write, descriptor, bytes, count);
  syscall(SYS_write, descriptor, bytes, count / 2);
  return hook::Fail(error);
}

int fsync(int descriptor) {
  const int error = hook::Ask(FileOp::kSync, hook::PathOf(descriptor));
  return error != 0 ? hook::Fail(error) : static_cast<int>(syscall(SYS_fsync, descriptor));
}

int rename(const char* from, const char* to) noexcept {
  const int error = hook::Ask(FileOp::kRename, to, from);
  return error != 0 ? hook::Fail(error) : static_cast<int>(syscall(SYS_rename, from, to));
}

int link(const char* from, const char* to) noexcept {
  const int error = hook::Ask(FileOp::kLink, to, from);
  return error != 0 ? hook::Fail(error) : static_cast<int>(syscall(SYS_link, from, to));
}

int unlinkat(int folder, const char* name, int flags) noexcept {
  const int error = hook::Ask(FileOp::kRemove, hook::PathAt(folder, name));
  return error != 0 ? hook::Fail(error)
                    : static_cast<int>(syscall(SYS_unlinkat, folder, name, flags));
}

int unlink(const char* path) noexcept { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) noexcept { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char* path) noexcept {
  struct stat info;
  const bool folder = lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
  return unlinkat(AT_FDCWD, path, folder ? AT_REMOVEDIR : 0);
}

int mkdir(const char* path, mode_t mode) noexcept {
  const int error = hook::Ask(FileOp::kMakeFolder, path);
  return error != 0 ? hook::Fail(error) : static_cast<int>(syscall(SYS_mkdir, path, mode));
}

}  // extern "C"

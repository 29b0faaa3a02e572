// For tests: a look at every change that this process makes to files under a folder, before it is made. The binary that
// links this has its own open, write, fsync, rename, link, unlink, mkdir and rmdir, which ask the hook first; so what is
// tested is the very code that runs in production.
//
//   FileHook hook(root, [](const FileCall& call) { return call.index == 7 ? ENOSPC : 0; });
//
// The hook is called by whatever thread makes the call, one at a time. Calls that it makes itself are not hooked.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_FILE_HOOK_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_FILE_HOOK_H_

#include <cerrno>
#include <functional>
#include <string>

namespace strata::distributed {

enum class FileOp { kCreate, kWrite, kSync, kRename, kLink, kRemove, kMakeFolder };

struct FileCall {
  int index;  // 0, 1, ... since the hook was set
  FileOp op;
  std::string path;  // of the file or folder; the new name of kRename and kLink
  std::string from;  // the old name of kRename and kLink
};

// One at a time.
class FileHook {
 public:
  // 0: the call is made; else it fails with that errno, and a write first writes half of its bytes.
  using Body = std::function<int(const FileCall&)>;

  FileHook(std::string folder, Body body);
  ~FileHook();
  FileHook(const FileHook&) = delete;
  FileHook& operator=(const FileHook&) = delete;

  int calls() const;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_FILE_HOOK_H_

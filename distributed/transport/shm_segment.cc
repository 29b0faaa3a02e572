#include "distributed/transport/shm_segment.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

// A ring fits the cache of a core; all of them together stay below 2 GiB.
size_t CapacityFor(int ranks) { return ranks <= 8 ? 256 << 10 : ranks <= 64 ? 64 << 10 : 16 << 10; }

absl::Status Failed(absl::string_view what) {
  return absl::ResourceExhaustedError(
      absl::StrCat("shared memory: ", what, ": ", std::strerror(errno)));
}

}  // namespace

ShmSegment::ShmSegment(int fd, int ranks) : fd_(fd), ranks_(ranks), capacity_(CapacityFor(ranks)) {}

ShmSegment::~ShmSegment() {
  if (memory_ != nullptr) munmap(memory_, bytes());
  if (fd_ >= 0) close(fd_);
}

size_t ShmSegment::bytes() const {
  const size_t ranks = static_cast<size_t>(ranks_);
  return ranks * sizeof(ShmRank) + ranks * ranks * ShmRing::SizeOf(capacity_);
}

absl::Status ShmSegment::Map() {
  void* memory = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (memory == MAP_FAILED) return Failed("mmap");
  memory_ = static_cast<char*>(memory);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<ShmSegment>> ShmSegment::Create(int ranks) {
  if (ranks < 1 || ranks > kMostShmRanks) {
    return absl::InvalidArgumentError(
        absl::StrCat("a run of ", ranks, " shm ranks; give 1 to ", kMostShmRanks));
  }
  std::shared_ptr<ShmSegment> segment(
      new ShmSegment(memfd_create("strata-ranks", MFD_CLOEXEC), ranks));
  if (segment->fd_ < 0) return Failed("memfd_create");
  if (ftruncate(segment->fd_, static_cast<off_t>(segment->bytes())) != 0) {
    return Failed("ftruncate");
  }
  STRATA_RETURN_IF_ERROR(segment->Map());
  return segment;
}

absl::StatusOr<std::shared_ptr<ShmSegment>> ShmSegment::Open(int fd, int ranks) {
  std::shared_ptr<ShmSegment> segment(new ShmSegment(fd, ranks));
  struct stat there = {};
  if (fstat(fd, &there) != 0) return Failed("fstat");
  if (static_cast<size_t>(there.st_size) != segment->bytes()) {
    return absl::FailedPreconditionError(absl::StrCat("shared memory of rank 0 has ", there.st_size,
                                                      " bytes, not ", segment->bytes(),
                                                      "; start all ranks with the same program"));
  }
  STRATA_RETURN_IF_ERROR(segment->Map());
  return segment;
}

ShmRank& ShmSegment::rank(int index) { return reinterpret_cast<ShmRank*>(memory_)[index]; }

ShmRing& ShmSegment::Between(int from, int to) {
  const size_t pair =
      static_cast<size_t>(from) * static_cast<size_t>(ranks_) + static_cast<size_t>(to);
  char* rings = memory_ + static_cast<size_t>(ranks_) * sizeof(ShmRank);
  return *reinterpret_cast<ShmRing*>(rings + pair * ShmRing::SizeOf(capacity_));
}

}  // namespace strata::distributed

#include "distributed/checkpoint/test_state.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "distributed/collective/reference.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

int64_t Below(int64_t bound, std::mt19937_64& random) {
  return static_cast<int64_t>(random() % static_cast<uint64_t>(bound));
}

std::vector<int> RandomRanks(int ranks, std::mt19937_64& random) {
  std::vector<int> holders;
  for (int r = 0; r < ranks; ++r) {
    if (random() % 3 == 0) holders.push_back(r);
  }
  if (holders.empty()) holders.push_back(static_cast<int>(Below(ranks, random)));
  return holders;
}

// The box cut in two at a random place, again and again.
void CutAtRandom(const Box& box, int cuts, std::mt19937_64& random, std::vector<Box>& boxes) {
  const size_t dim = box.dims.empty() ? 0 : random() % box.dims.size();
  if (cuts == 0 || box.dims.empty() || box.dims[dim] < 2) {
    boxes.push_back(box);
    return;
  }
  Box head = box, tail = box;
  head.dims[dim] = 1 + Below(box.dims[dim] - 1, random);
  tail.offset[dim] += head.dims[dim];
  tail.dims[dim] -= head.dims[dim];
  CutAtRandom(head, cuts - 1, random, boxes);
  CutAtRandom(tail, cuts - 1, random, boxes);
}

// A folder for as long as the test runs; children of a fork leave it alone.
class TestFolder {
 public:
  TestFolder() : maker_(getpid()) {
    const char* on_disk = std::getenv("TEST_TMPDIR");
    for (const char* parent : {"/dev/shm", on_disk == nullptr ? "/tmp" : on_disk}) {
      path_ = absl::StrCat(parent, "/strata_checkpoint.XXXXXX");
      if (mkdtemp(path_.data()) != nullptr) return;
    }
  }
  ~TestFolder() {
    std::error_code error;
    if (getpid() == maker_) std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  const pid_t maker_;
  std::string path_;
};

}  // namespace

HostTensor RandomTensor(chips::DType dtype, std::vector<int64_t> dims, std::mt19937_64& random) {
  HostTensor tensor = HostTensor::Allocate(dtype, std::move(dims));
  for (size_t i = 0; i < tensor.size_bytes(); ++i) {
    tensor.data<char>()[i] = static_cast<char>(random());
  }
  return tensor;
}

GlobalState SmallState(uint64_t seed) {
  std::mt19937_64 random(seed);
  GlobalState state;
  state["wte"] = RandomTensor(chips::F32, {37, 48}, random);
  state["h.0.attn.wq"] = RandomTensor(chips::BF16, {48, 3, 16}, random);
  state["h.0.mlp.w"] = RandomTensor(chips::F32, {5, 7, 3, 11}, random);
  state["bias"] = RandomTensor(chips::F64, {13}, random);
  state["mask"] = RandomTensor(chips::U8, {3, 5}, random);
  state["count"] = RandomTensor(chips::I64, {}, random);
  state["none"] = RandomTensor(chips::F16, {4, 0}, random);
  return state;
}

Layout RandomLayout(const GlobalState& state, int ranks, std::mt19937_64& random) {
  Layout layout;
  layout.ranks = ranks;
  for (const auto& [name, tensor] : state) {
    std::vector<Box> boxes;
    CutAtRandom(WholeBox(tensor.dims()), static_cast<int>(random() % 4), random, boxes);
    for (const Box& box : boxes) layout.cells[name].push_back({box, RandomRanks(ranks, random)});
  }
  return layout;
}

Layout RowLayout(const GlobalState& state, int ranks) {
  Layout layout;
  layout.ranks = ranks;
  std::vector<int> all;
  for (int r = 0; r < ranks; ++r) all.push_back(r);
  for (const auto& [name, tensor] : state) {
    if (tensor.rank() == 0) {
      layout.cells[name].push_back({WholeBox({}), all});
      continue;
    }
    for (int64_t r = 0; r < ranks; ++r) {
      Box box = WholeBox(tensor.dims());
      box.offset[0] = tensor.dims()[0] * r / ranks;
      box.dims[0] = tensor.dims()[0] * (r + 1) / ranks - box.offset[0];
      layout.cells[name].push_back({box, {static_cast<int>(r)}});
    }
  }
  return layout;
}

std::vector<ShardedTensor> CutState(const GlobalState& state, const Layout& layout, int rank) {
  std::vector<ShardedTensor> mine;
  for (const auto& [name, boxes] : layout.cells) {
    const HostTensor& whole = state.at(name);
    const size_t element = chips::SizeOf(whole.dtype());
    for (const Layout::HeldBox& held : boxes) {
      if (std::find(held.ranks.begin(), held.ranks.end(), rank) == held.ranks.end()) continue;
      ShardedTensor part = {name, whole.dims(), held.box.offset,
                            HostTensor::Zeros(whole.dtype(), held.box.dims)};
      // Element by element, apart from the code under test.
      std::vector<int64_t> place(held.box.dims.size(), 0);
      for (int64_t i = 0; i < held.box.elements(); ++i) {
        int64_t left = i, index = 0, stride = 1;
        for (size_t d = place.size(); d-- > 0;) {
          index += (held.box.offset[d] + left % held.box.dims[d]) * stride;
          left /= held.box.dims[d];
          stride *= whole.dims()[d];
        }
        std::memcpy(part.local.data<char>() + static_cast<size_t>(i) * element,
                    whole.data<char>() + static_cast<size_t>(index) * element, element);
      }
      mine.push_back(std::move(part));
    }
  }
  return mine;
}

std::vector<ShardedTensor> EmptyLike(const std::vector<ShardedTensor>& state) {
  std::vector<ShardedTensor> empty = state;
  for (ShardedTensor& tensor : empty) {
    tensor.local = HostTensor::Zeros(tensor.local.dtype(), tensor.local.dims());
  }
  return empty;
}

bool SameBits(const HostTensor& a, const HostTensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() &&
         (a.size_bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0);
}

bool SameBits(const std::vector<ShardedTensor>& a, const std::vector<ShardedTensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ShardedTensor& x, const ShardedTensor& y) {
                      return x.name == y.name && x.offset == y.offset && SameBits(x.local, y.local);
                    });
}

absl::Status OnRanks(int ranks, const std::function<absl::Status(compiler::Collectives&)>& body) {
  return RunThreadRanks(ranks, [&](Transport& transport) {
    ReferenceCollectives collectives(transport);
    return body(collectives);
  });
}

std::string FreshFolder(const std::string& name) {
  static const TestFolder parent;
  const std::string folder = absl::StrCat(parent.path(), "/", name);
  std::filesystem::remove_all(folder);
  return folder;
}

}  // namespace strata::distributed

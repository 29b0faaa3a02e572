#include "compiler/schedule/program_runner.h"

#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "chips/numerics/float16.h"
#include "compiler/codegen/emit.h"
#include "compiler/schedule/emit_c.h"

namespace strata::compiler::schedule {
namespace {

constexpr size_t kGuardBytes = 256;
constexpr unsigned char kGuard = 0xa5;

// Storage of one argument between guards, aligned to its element only.
std::vector<unsigned char> Storage(const Buffer& buffer, const std::vector<float>& values) {
  const size_t size = chips::SizeOf(buffer.dtype), count = static_cast<size_t>(buffer.elements());
  std::vector<unsigned char> bytes(count * size + 2 * kGuardBytes, kGuard);
  for (size_t i = 0; i < values.size() && i < count; ++i) {
    if (buffer.dtype == chips::BF16) {
      const uint16_t bits = chips::FloatToBf16(values[i]);
      std::memcpy(bytes.data() + kGuardBytes + i * size, &bits, size);
    } else {
      std::memcpy(bytes.data() + kGuardBytes + i * size, &values[i], size);
    }
  }
  return bytes;
}

std::vector<float> Content(const Buffer& buffer, const std::vector<unsigned char>& bytes) {
  const size_t size = chips::SizeOf(buffer.dtype);
  std::vector<float> values(static_cast<size_t>(buffer.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (buffer.dtype == chips::BF16) {
      uint16_t bits;
      std::memcpy(&bits, bytes.data() + kGuardBytes + i * size, size);
      values[i] = chips::Bf16ToFloat(bits);
    } else {
      std::memcpy(&values[i], bytes.data() + kGuardBytes + i * size, size);
    }
  }
  return values;
}

bool IsIntact(const std::vector<unsigned char>& bytes) {
  for (size_t i = 0; i < kGuardBytes; ++i) {
    if (bytes[i] != kGuard || bytes[bytes.size() - 1 - i] != kGuard) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<ProgramRunner> ProgramRunner::Create(const Program& program,
                                                    const std::string& isa) {
  ProgramRunner runner;
  runner.program_ = program;
  STRATA_ASSIGN_OR_RETURN(runner.kernels_, EmitC(program, ""));
  std::vector<std::string> sources;
  for (const plan::Kernel& kernel : runner.kernels_) sources.push_back(kernel.source());
  const char* cache = std::getenv("TEST_TMPDIR");
  STRATA_ASSIGN_OR_RETURN(runner.library_, KernelLibrary::Build(Prelude(isa), sources, isa,
                                                                cache == nullptr ? "" : cache, 2));
  for (const plan::Kernel& kernel : runner.kernels_) {
    void* entry = runner.library_->Find(kernel.entry());
    if (entry == nullptr) return absl::InternalError(absl::StrCat("no symbol ", kernel.entry()));
    runner.entries_.push_back(reinterpret_cast<KernelEntry*>(entry));
  }
  return runner;
}

absl::Status ProgramRunner::Run(Values* values, int parts) const {
  const std::vector<Buffer> arguments = program_.Arguments();
  std::vector<std::vector<unsigned char>> storage;
  for (const Buffer& buffer : arguments) storage.push_back(Storage(buffer, (*values)[buffer.name]));
  std::vector<void*> buffers;
  for (auto& bytes : storage) buffers.push_back(bytes.data() + kGuardBytes);
  for (size_t k = 0; k < kernels_.size(); ++k) {
    const int64_t extent = kernels_[k].parallel_extent();
    for (int part = 0; part < parts; ++part) {
      const int64_t begin = extent * part / parts, end = extent * (part + 1) / parts;
      if (begin < end) entry(k)(buffers.data(), begin, end);
    }
  }
  for (size_t b = 0; b < arguments.size(); ++b) {
    if (!IsIntact(storage[b]))
      return absl::InternalError(absl::StrCat("a kernel writes outside of ", arguments[b].name));
    if (arguments[b].scope == Scope::kScratch) {
      values->erase(arguments[b].name);
    } else {
      (*values)[arguments[b].name] = Content(arguments[b], storage[b]);
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::compiler::schedule

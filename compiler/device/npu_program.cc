#include "compiler/device/npu_program.h"

#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/sim/verifier.h"

namespace strata::compiler {
namespace {

using chips::npu::Region;
using chips::npu::RegionKind;

absl::Status Fault(absl::string_view message) { return absl::InvalidArgumentError(message); }

// 3 of "b3"; -1 of another name.
int OperandNumber(const std::string& region) {
  int number = -1;
  if (region.size() < 2 || region[0] != 'b') return -1;
  if (!absl::SimpleAtoi(region.substr(1), &number) || region != absl::StrCat("b", number))
    return -1;
  return number;
}

absl::Status FindOperands(NpuProgram* loaded) {
  const std::vector<Region>& regions = loaded->program.regions;
  std::map<int, int> by_number;
  for (size_t i = 0; i < regions.size(); ++i) {
    const int number = OperandNumber(regions[i].name);
    if (number >= 0) by_number[number] = static_cast<int>(i);
  }
  for (const auto& [number, region] : by_number) {
    if (number != static_cast<int>(loaded->operands.size()))
      return Fault(absl::StrCat("region b", loaded->operands.size(),
                                " is missing, though there is b", number));
    if (regions[static_cast<size_t>(region)].kind == RegionKind::kScratch)
      return Fault(absl::StrCat("region b", number, " is scratch; operands are .input or .output"));
    loaded->operands.push_back(region);
  }
  return absl::OkStatus();
}

// Contents by region; each input that is no operand has one.
absl::Status FindData(const plan::Kernel& kernel, NpuProgram* loaded) {
  std::map<std::string, const std::string*> contents;
  for (const plan::KernelData& data : kernel.data()) {
    if (!contents.emplace(data.region(), &data.content()).second)
      return Fault(absl::StrCat("data: region '", data.region(), "' is given twice"));
  }
  const std::vector<Region>& regions = loaded->program.regions;
  for (size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    if (OperandNumber(region.name) >= 0 || region.kind == RegionKind::kScratch) continue;
    if (region.kind == RegionKind::kOutput) {
      return Fault(absl::StrCat(
          "region '", region.name,
          "' is an output that no buffer takes; name it b0, b1, ... or make it .scratch"));
    }
    const auto content = contents.find(region.name);
    if (content == contents.end())
      return Fault(absl::StrCat("data: has nothing for the input region '", region.name, "'"));
    if (content->second->size() != region.bytes) {
      return Fault(absl::StrCat("data: has ", content->second->size(), " bytes for the region '",
                                region.name, "' of ", region.bytes));
    }
    loaded->data.push_back({static_cast<int>(i), content->second});
    contents.erase(content);
  }
  if (contents.empty()) return absl::OkStatus();
  return Fault(absl::StrCat("data: '", contents.begin()->first,
                            "' is no input region of the program, or is an operand"));
}

}  // namespace

absl::StatusOr<NpuProgram> LoadNpuProgram(const plan::Kernel& kernel,
                                          const chips::npu::Core& core) {
  NpuProgram loaded;
  STRATA_ASSIGN_OR_RETURN(loaded.program,
                          chips::npu::Assemble(core.isa(), kernel.source(), kernel.entry()));
  STRATA_RETURN_IF_ERROR(FindOperands(&loaded));
  STRATA_RETURN_IF_ERROR(FindData(kernel, &loaded));
  STRATA_RETURN_IF_ERROR(chips::npu::Verify(core, loaded.program));
  return loaded;
}

absl::Status CheckOperands(const NpuProgram& program, const plan::Plan& plan,
                           const plan::Step& step) {
  const int reads = step.reads_size(), operands = reads + step.writes_size();
  if (operands != static_cast<int>(program.operands.size())) {
    return Fault(absl::StrCat("the step has ", operands, " operands; the program '",
                              program.program.name, "' has ", program.operands.size(),
                              " regions for them"));
  }
  for (int i = 0; i < operands; ++i) {
    const bool read = i < reads;
    const uint32_t id = read ? step.reads(i) : step.writes(i - reads);
    const plan::Buffer& buffer = plan.buffers(static_cast<int>(id));
    const Region& region =
        program.program.regions[static_cast<size_t>(program.operands[static_cast<size_t>(i)])];
    if (region.bytes != buffer.size_bytes()) {
      return Fault(absl::StrCat("region b", i, " has ", region.bytes, " bytes; its buffer '",
                                buffer.name(), "' has ", buffer.size_bytes()));
    }
    if ((region.kind == RegionKind::kInput) == read) continue;
    return Fault(absl::StrCat("region b", i, " is ", read ? "an output" : "an input", "; the step ",
                              read ? "reads" : "writes", " its buffer '", buffer.name(), "'"));
  }
  return absl::OkStatus();
}

}  // namespace strata::compiler

// What the lab says about machines, each sentence with the figures that decide it. Nothing that is timed decides.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "courses/chips/five_machines/race.h"

namespace strata::courses {
namespace {

const Entry* EntryOf(const Race& race, const std::string& machine) {
  for (const Entry& entry : race.entries) {
    if (entry.machine->name == machine) return &entry;
  }
  return nullptr;
}

bool Simulated(const Entry& entry) { return entry.source == chips::SIMULATED; }

// Systolic arrays; the core of DaVinci kind has its own instruction selection.
bool IsArray(const Entry& entry) { return entry.machine->name != "davinci_like"; }

// All simulated entries of all races.
std::vector<std::pair<const Race*, const Entry*>> SimulatedEntries(const std::vector<Race>& races) {
  std::vector<std::pair<const Race*, const Entry*>> entries;
  for (const Race& race : races) {
    for (const Entry& entry : race.entries) {
      if (Simulated(entry)) entries.emplace_back(&race, &entry);
    }
  }
  return entries;
}

Claim AllSayTheSame(const std::vector<Race>& races) {
  bool same = true;
  int64_t compared = 0, bytes = 0;
  for (const auto& [race, entry] : SimulatedEntries(races)) {
    const auto& cpu = race->entries.front().outputs;
    same = same && !cpu.empty() && SameBits(cpu, entry->outputs);
    ++compared;
    for (const graph::HostTensor& output : cpu) bytes += static_cast<int64_t>(output.size_bytes());
  }
  return {"All machines that compute give the CPU's outputs, bit for bit", same && compared > 0,
          absl::StrCat(compared, " runs on simulated machines, ", bytes, " bytes compared")};
}

Claim ProductsRunOnTheArray(const std::vector<Race>& races) {
  bool on_array = true;
  double most = 0;
  for (const auto& [race, entry] : SimulatedEntries(races)) {
    if (!IsArray(*entry)) continue;
    const double share = entry->host_flops / race->flops;
    on_array = on_array && share < 0.01;
    most = std::max(most, share);
  }
  return {"On the arrays less than a hundredth of the work is left to the host", on_array,
          absl::StrFormat("at most %.2f %% of a model's operations", 100 * most)};
}

Claim BytesAreAtLeastTheWeights(const std::vector<Race>& races) {
  bool least = true;
  std::vector<std::string> parts;
  for (const auto& [race, entry] : SimulatedEntries(races)) {
    if (entry->host_flops > 0.01 * race->flops) continue;
    least = least && entry->bytes >= static_cast<double>(race->weight_bytes);
    parts.push_back(absl::StrFormat("%s on %s %.2f", race->model, entry->machine->name,
                                    entry->bytes / static_cast<double>(race->weight_bytes)));
  }
  return {"No machine that does all the products moves fewer bytes than the weights have",
          least && !parts.empty(),
          absl::StrCat("DRAM bytes over the weights' bytes: ", absl::StrJoin(parts, ", "))};
}

// Of the races' models the first is the smallest.
Claim LargeArraysStarveOnSmallModels(const std::vector<Race>& races) {
  const Entry* edge = EntryOf(races.front(), "edge_16");
  const Entry* tpu = EntryOf(races.front(), "tpu_v1_like");
  const bool holds = edge != nullptr && tpu != nullptr && tpu->utilisation * 4 < edge->utilisation;
  return {
      "A small model leaves a large array empty: of 256 x 256 cells it uses a smaller share "
      "than a quarter of what it uses of 16 x 16",
      holds,
      holds ? absl::StrFormat("%s: %.2f %% of tpu_v1_like, %.1f %% of edge_16", races.front().model,
                              100 * tpu->utilisation, 100 * edge->utilisation)
            : ""};
}

Claim LargerModelsFillThem(const std::vector<Race>& races) {
  bool rises = races.size() > 1;
  std::vector<std::string> parts;
  for (const char* name : {"tpu_v1_like", "edge_16"}) {
    const Entry* small = EntryOf(races.front(), name);
    const Entry* large = EntryOf(races.back(), name);
    rises =
        rises && small != nullptr && large != nullptr && large->utilisation > small->utilisation;
    if (!rises) break;
    parts.push_back(absl::StrFormat("%s %.2f to %.1f %%", name, 100 * small->utilisation,
                                    100 * large->utilisation));
  }
  return {"The larger model uses each machine better", rises, absl::StrJoin(parts, ", ")};
}

Claim LaunchesAreTheGpusTime(const std::vector<Race>& races) {
  const Entry* gpu = EntryOf(races.front(), "h100");
  if (gpu == nullptr) return {"Launches are the GPU's time", false, "not predicted"};
  const double launches = static_cast<double>(gpu->plan.steps_size()) *
                          gpu->machine->chip.launch_overhead_seconds().value();
  return {"For the smallest model the analytic GPU's time is more than nine tenths launches",
          launches > 0.9 * gpu->seconds,
          absl::StrFormat("%s: %d kernels at %.1f us each in %.1f us", races.front().model,
                          gpu->plan.steps_size(),
                          1e6 * gpu->machine->chip.launch_overhead_seconds().value(),
                          1e6 * gpu->seconds)};
}

Claim NothingBeatsItsRoof(const std::vector<Race>& races) {
  bool below = true;
  double most = 0;
  for (const Race& race : races) {
    for (const Entry& entry : race.entries) {
      if (entry.source == chips::MEASURED) continue;
      below = below && entry.utilisation <= 1;
      most = std::max(most, entry.utilisation);
    }
  }
  return {"No simulated or modelled run is faster than its machine's peak", below,
          absl::StrFormat("at most %.1f %% of it", 100 * most)};
}

Claim BytesCostMoreThanArithmetic(const std::vector<Race>& races) {
  bool dearer = true;
  std::vector<std::string> parts;
  for (const auto& [race, entry] : SimulatedEntries(races)) {
    dearer = dearer && entry->mac_joules < 0.5 * entry->dram_joules;
    parts.push_back(absl::StrFormat("%s on %s %.0f and %.1f %%", race->model, entry->machine->name,
                                    100 * entry->dram_joules / entry->joules.value_or(1),
                                    100 * entry->mac_joules / entry->joules.value_or(1)));
  }
  return {
      "Main memory takes more than twice the energy of all multiply-adds, on every machine that "
      "is simulated",
      dearer && !parts.empty(),
      absl::StrCat("shares of DRAM and of multiply-adds: ", absl::StrJoin(parts, ", "))};
}

Claim RoundingIsAllThatDiffers(const std::vector<Race>& races) {
  bool close = true;
  std::vector<std::string> parts;
  for (const auto& [race, entry] : SimulatedEntries(races)) {
    close = close && entry->difference < 0.02;
    parts.push_back(
        absl::StrFormat("%s on %s %.2g", race->model, entry->machine->name, entry->difference));
  }
  return {
      "In bf16 machines add in orders of their own: outputs differ from the CPU's, by less than "
      "a fiftieth of the largest",
      close && !parts.empty(), absl::StrJoin(parts, ", ")};
}

Claim DecodeStarvesTheArray(const std::vector<Race>& races) {
  bool starves = races.size() > 1;
  std::vector<std::string> parts;
  for (const char* name : {"tpu_v4_like", "edge_16"}) {
    const Entry* prefill = EntryOf(races.front(), name);
    const Entry* decode = EntryOf(races.back(), name);
    starves = starves && prefill != nullptr && decode != nullptr &&
              decode->utilisation * 4 < prefill->utilisation;
    if (!starves) break;
    parts.push_back(absl::StrFormat("%s %.3f against %.2f %%", name, 100 * decode->utilisation,
                                    100 * prefill->utilisation));
  }
  return {
      "Decode, one row against all weights, uses less than a quarter of the share of an array "
      "that prefill uses",
      starves, absl::StrJoin(parts, ", ")};
}

}  // namespace

std::vector<Claim> ClaimsOf(const Heat& heat) {
  const std::vector<Race>& races = heat.races;
  if (heat.products == chips::BF16) {
    return {RoundingIsAllThatDiffers(races), DecodeStarvesTheArray(races),
            BytesCostMoreThanArithmetic(races), NothingBeatsItsRoof(races)};
  }
  return {AllSayTheSame(races),
          ProductsRunOnTheArray(races),
          BytesAreAtLeastTheWeights(races),
          LargeArraysStarveOnSmallModels(races),
          LargerModelsFillThem(races),
          LaunchesAreTheGpusTime(races),
          BytesCostMoreThanArithmetic(races),
          NothingBeatsItsRoof(races)};
}

}  // namespace strata::courses

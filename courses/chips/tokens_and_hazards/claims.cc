// What the lab says about tokens and hazards, each sentence with the run that decides it.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "chips/npu/isa/array_isa.h"
#include "courses/chips/tokens_and_hazards/pipeline.h"

namespace strata::courses {
namespace {

// Whether the finding names two instructions by their lines.
bool NamesTwoInstructions(const Removal& removal) {
  const std::vector<std::string> parts =
      absl::StrSplit(removal.finding, absl::StrCat(removal.version, ".s:"));
  return parts.size() > 2;
}

// A reader that ran ahead of all writers reads what nothing has written.
bool ReadsUnwritten(const Removal& removal) {
  return absl::StrContains(removal.finding, "nothing has written");
}

// Whether the finding proposes the token that was taken away, but for its index.
bool ProposesTheToken(const Removal& removal) {
  const std::vector<std::string> parts = absl::StrSplit(removal.token, ", ");
  return absl::StrContains(removal.finding, absl::StrCat("signal ", parts[0], ", ", parts[1]));
}

double Ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

Claim AllRight(const Lab& lab) {
  int64_t wrong = 0;
  for (const Version& version : lab.versions) wrong += version.wrong;
  return {"All versions pass the verifier and give the plain loops' result, bit for bit",
          wrong == 0, absl::StrCat(lab.versions.size(), " programs, ", wrong, " wrong elements")};
}

Claim EachStepIsFaster(const Lab& lab) {
  bool faster = true;
  std::vector<std::string> cycles;
  for (size_t i = 0; i < lab.versions.size(); ++i) {
    cycles.push_back(absl::StrCat(lab.versions[i].run.cycles));
    faster = faster && (i == 0 || lab.versions[i].run.cycles < lab.versions[i - 1].run.cycles);
  }
  return {"Each step is faster than the one before", faster,
          absl::StrCat(absl::StrJoin(cycles, ", "), " cycles")};
}

Claim TwoPlacesPay(const Lab& lab) {
  const int64_t serial = lab.versions.front().run.cycles, last = lab.versions.back().run.cycles;
  return {"Tokens and second places together more than halve the time of the serial program",
          last * 2 < serial, absl::StrFormat("%.2f times as fast", Ratio(serial, last))};
}

Claim TokensAloneAreHalfTheWay(const Lab& lab) {
  const int64_t serial = lab.versions[0].run.cycles, tokens = lab.versions[1].run.cycles,
                last = lab.versions.back().run.cycles;
  return {
      "Tokens alone save less than second places do: with one place a tile must still wait "
      "until the one before has left",
      serial - tokens < tokens - last,
      absl::StrFormat("tokens save %d cycles, second places %d", serial - tokens, tokens - last)};
}

Claim DramIsTheFloor(const Lab& lab) {
  const int64_t last = lab.versions.back().run.cycles;
  const bool above =
      std::all_of(lab.versions.begin(), lab.versions.end(),
                  [&](const Version& version) { return version.run.cycles >= lab.dram_cycles; });
  return {"DRAM is the floor of them all; the last version comes within a quarter of it",
          above && last * 4 <= lab.dram_cycles * 5,
          absl::StrFormat("%d cycles, of which DRAM moves bytes in %d", last, lab.dram_cycles)};
}

Claim SameWork(const Lab& lab) {
  bool same = true;
  for (const Version& version : lab.versions) {
    same = same && Macs(*lab.core, version.run) == Macs(*lab.core, lab.versions[0].run) &&
           version.run.memories[chips::npu::kDram].read_bytes ==
               lab.versions[0].run.memories[chips::npu::kDram].read_bytes;
  }
  return {"No version computes or loads less than another: only the order differs", same,
          absl::StrFormat("%d multiply-adds, %d bytes from DRAM, in each",
                          Macs(*lab.core, lab.versions[0].run),
                          lab.versions[0].run.memories[chips::npu::kDram].read_bytes)};
}

Claim EveryTokenIsNeeded(const Lab& lab) {
  int64_t pairs = 0, unwritten = 0;
  for (const Removal& removal : lab.removals) {
    pairs += NamesTwoInstructions(removal);
    unwritten += !NamesTwoInstructions(removal) && ReadsUnwritten(removal);
  }
  const auto all = static_cast<int64_t>(lab.removals.size());
  return {
      "No token is spare: whichever is taken away, the verifier names the two instructions that "
      "nothing orders any more, or the one that reads what nothing has written yet",
      pairs + unwritten == all && pairs > unwritten,
      absl::StrCat(all, " tokens of ", lab.versions.size() - 1, " programs: ", pairs, " pairs, ",
                   unwritten, " unwritten")};
}

Claim TheProposalIsTheToken(const Lab& lab) {
  int64_t pairs = 0, proposed = 0;
  for (const Removal& removal : lab.removals) {
    pairs += NamesTwoInstructions(removal);
    proposed += NamesTwoInstructions(removal) && ProposesTheToken(removal);
  }
  return {"With each pair the verifier proposes the token that was taken away",
          proposed == pairs && proposed > 0, absl::StrCat(proposed, " of ", pairs)};
}

Claim LuckIsNoOrder(const Lab& lab) {
  const auto right = [](const Removal& removal) { return removal.wrong == 0; };
  const auto lucky = std::count_if(lab.removals.begin(), lab.removals.end(), right);
  const auto all = static_cast<int64_t>(lab.removals.size());
  return {
      "A missing token may go unnoticed in a run: some programs with a hazard still give the "
      "right result on this machine, others a wrong one",
      lucky > 0 && lucky < all,
      absl::StrCat("without one token ", all - lucky, " programs of ", all,
                   " give a wrong result, ", lucky, " the right one, by luck")};
}

Claim DeadlockIsNamed(const Lab& lab) {
  return {
      "A wait whose signal stands behind it in a circle is found before the run, and the "
      "simulator stops instead of hanging",
      absl::StartsWith(lab.deadlock_finding, "deadlock: ") &&
          absl::IsFailedPrecondition(lab.deadlock_run),
      lab.deadlock_finding};
}

}  // namespace

std::vector<Claim> ClaimsOf(const Lab& lab) {
  return {AllRight(lab),
          SameWork(lab),
          EachStepIsFaster(lab),
          TwoPlacesPay(lab),
          TokensAloneAreHalfTheWay(lab),
          DramIsTheFloor(lab),
          EveryTokenIsNeeded(lab),
          TheProposalIsTheToken(lab),
          LuckIsNoOrder(lab),
          DeadlockIsNamed(lab)};
}

}  // namespace strata::courses

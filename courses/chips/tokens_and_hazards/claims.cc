// What the lab says about tokens and hazards, each sentence with the run that decides it.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "courses/chips/tokens_and_hazards/pipeline.h"

namespace strata::courses {
namespace {

// Whether the finding names two instructions by their lines.
bool NamesTwoInstructions(const Removal& removal) {
  const std::vector<std::string> parts =
      absl::StrSplit(removal.finding, absl::StrCat(removal.version, ".s:"));
  return parts.size() > 2;
}

// Whether the finding proposes what was taken away, but for a token's index.
bool ProposesTheToken(const Removal& removal) {
  const std::vector<std::string> parts = absl::StrSplit(removal.token, ", ");
  if (parts.size() == 1) return absl::StrContains(removal.finding, absl::StrCat("put ", parts[0]));
  const std::string pair = absl::StrCat(" ", parts[0], ", ", parts[1]);
  return absl::StrContains(removal.finding, absl::StrCat("signal", pair)) ||
         absl::StrContains(removal.finding, absl::StrCat("set_flag", pair));
}

double Ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

// "edge_16: ...; davinci_like: ..."
template <typename Evidence>
std::string Each(const Lab& lab, const Evidence& evidence) {
  std::vector<std::string> parts;
  for (const Pipeline& pipeline : lab.pipelines) {
    parts.push_back(absl::StrCat(pipeline.machine, ": ", evidence(pipeline)));
  }
  return absl::StrJoin(parts, "; ");
}

template <typename Holds>
bool OnAll(const Lab& lab, const Holds& holds) {
  return std::all_of(lab.pipelines.begin(), lab.pipelines.end(), holds);
}

int64_t Serial(const Pipeline& pipeline) { return pipeline.versions.front().run.cycles; }
int64_t Last(const Pipeline& pipeline) { return pipeline.versions.back().run.cycles; }

Claim AllRight(const Lab& lab) {
  const auto wrong = [](const Pipeline& pipeline) {
    int64_t sum = 0;
    for (const Version& version : pipeline.versions) sum += version.wrong;
    return sum;
  };
  return {"All versions pass the verifier and give the plain loops' result, bit for bit",
          OnAll(lab, [&](const Pipeline& pipeline) { return wrong(pipeline) == 0; }),
          Each(lab, [&](const Pipeline& pipeline) {
            return absl::StrCat(pipeline.versions.size(), " programs, ", wrong(pipeline),
                                " wrong elements");
          })};
}

Claim SameWork(const Lab& lab) {
  const auto bytes = [](const Version& version) { return version.run.memories[0].read_bytes; };
  return {"No version computes or loads less than another: only the order differs",
          OnAll(lab,
                [&](const Pipeline& pipeline) {
                  const Version& first = pipeline.versions[0];
                  return std::all_of(pipeline.versions.begin(), pipeline.versions.end(),
                                     [&](const Version& version) {
                                       return bytes(version) == bytes(first) &&
                                              Macs(*pipeline.core, version.run) ==
                                                  Macs(*pipeline.core, first.run);
                                     });
                }),
          Each(lab, [&](const Pipeline& pipeline) {
            return absl::StrFormat("%d multiply-adds, %d bytes from DRAM in each",
                                   Macs(*pipeline.core, pipeline.versions[0].run),
                                   bytes(pipeline.versions[0]));
          })};
}

Claim EachStepIsFaster(const Lab& lab) {
  return {"Each step is faster than the one before",
          OnAll(lab,
                [](const Pipeline& pipeline) {
                  bool faster = true;
                  for (size_t i = 1; i < pipeline.versions.size(); ++i) {
                    faster = faster &&
                             pipeline.versions[i].run.cycles < pipeline.versions[i - 1].run.cycles;
                  }
                  return faster;
                }),
          Each(lab, [](const Pipeline& pipeline) {
            std::vector<std::string> cycles;
            for (const Version& version : pipeline.versions) {
              cycles.push_back(absl::StrCat(version.run.cycles));
            }
            return absl::StrCat(absl::StrJoin(cycles, ", "), " cycles");
          })};
}

Claim TwoPlacesPay(const Lab& lab) {
  return {
      "Order by need and second places together more than halve the time of the serial program",
      OnAll(lab, [](const Pipeline& pipeline) { return Last(pipeline) * 2 < Serial(pipeline); }),
      Each(lab, [](const Pipeline& pipeline) {
        return absl::StrFormat("%.2f times as fast", Ratio(Serial(pipeline), Last(pipeline)));
      })};
}

Claim OnePlaceIsHalfTheWay(const Lab& lab) {
  const Pipeline& edge = lab.pipelines.front();
  const int64_t tokens = edge.versions[1].run.cycles;
  return {
      "On the array core tokens alone save less than second places do: with one place a tile "
      "must still wait until the one before has left",
      Serial(edge) - tokens < tokens - Last(edge),
      absl::StrFormat("tokens save %d cycles, second places %d", Serial(edge) - tokens,
                      tokens - Last(edge))};
}

Claim DramIsTheFloor(const Lab& lab) {
  return {"DRAM is the floor of them all; the last versions take less than half as much again",
          OnAll(lab,
                [](const Pipeline& pipeline) {
                  return Last(pipeline) >= pipeline.dram_cycles &&
                         Last(pipeline) * 2 < pipeline.dram_cycles * 3;
                }),
          Each(lab, [](const Pipeline& pipeline) {
            return absl::StrFormat("%d cycles, of which DRAM moves bytes in %d", Last(pipeline),
                                   pipeline.dram_cycles);
          })};
}

Claim EveryTokenIsNeeded(const Lab& lab) {
  const auto pairs = [](const Pipeline& pipeline) {
    return std::count_if(pipeline.removals.begin(), pipeline.removals.end(), NamesTwoInstructions);
  };
  return {
      "No token, flag or barrier is spare: whichever is taken away, the verifier names the two "
      "instructions that nothing orders any more",
      OnAll(lab,
            [&](const Pipeline& pipeline) {
              return pairs(pipeline) == static_cast<int64_t>(pipeline.removals.size()) &&
                     pairs(pipeline) > 0;
            }),
      Each(lab, [&](const Pipeline& pipeline) {
        return absl::StrCat(pairs(pipeline), " of ", pipeline.removals.size());
      })};
}

Claim TheProposalIsTheToken(const Lab& lab) {
  const auto proposed = [](const Pipeline& pipeline) {
    return std::count_if(pipeline.removals.begin(), pipeline.removals.end(), ProposesTheToken);
  };
  return {"What the verifier proposes is what was taken away",
          OnAll(lab,
                [&](const Pipeline& pipeline) {
                  return proposed(pipeline) == static_cast<int64_t>(pipeline.removals.size());
                }),
          Each(lab, [&](const Pipeline& pipeline) {
            return absl::StrCat(proposed(pipeline), " of ", pipeline.removals.size());
          })};
}

Claim LuckIsNoOrder(const Lab& lab) {
  int64_t lucky = 0, all = 0;
  for (const Pipeline& pipeline : lab.pipelines) {
    for (const Removal& removal : pipeline.removals) lucky += removal.wrong == 0, ++all;
  }
  return {
      "A missing token may go unnoticed in a run: some programs with a hazard still give the "
      "right result on this machine, others a wrong one",
      lucky > 0 && lucky < all,
      absl::StrCat("of ", all, " programs ", all - lucky, " give a wrong result, ", lucky,
                   " the right one, by luck")};
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
          OnePlaceIsHalfTheWay(lab),
          DramIsTheFloor(lab),
          EveryTokenIsNeeded(lab),
          TheProposalIsTheToken(lab),
          LuckIsNoOrder(lab),
          DeadlockIsNamed(lab)};
}

}  // namespace strata::courses

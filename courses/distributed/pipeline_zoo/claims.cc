#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "courses/distributed/pipeline_zoo/zoo.h"

namespace strata::courses {
namespace {

int64_t Counted(const Animal& animal) {
  return animal.form.of_own_span ? animal.run.gaps() : animal.run.bubble();
}

Claim BubblesAreThePapers(const Zoo& zoo) {
  Claim claim = {"Idle time is the paper's formula, to the unit, where its assumptions hold", true,
                 ""};
  std::vector<std::string> exact, other;
  for (const Animal& animal : zoo.animals) {
    if (!animal.form.is_exact) {
      other.push_back(
          absl::StrFormat("%s %d for %d", animal.title, Counted(animal), animal.form.bubble));
      continue;
    }
    exact.push_back(absl::StrCat(animal.title, " ", Counted(animal)));
    claim.holds &= Counted(animal) == animal.form.bubble;
  }
  claim.holds &= !exact.empty();
  claim.evidence =
      absl::StrCat(absl::StrJoin(exact, ", "),
                   other.empty() ? "" : "; an approximation: ", absl::StrJoin(other, ", "));
  return claim;
}

Claim SweepsAreThePapers(const Zoo& zoo) {
  Claim claim = {"It does not depend on the number of microbatches: the step only grows around it",
                 true, ""};
  int points = 0;
  std::vector<std::string> growing;
  for (const SweepLine& line : zoo.by_microbatches) {
    if (!AnimalOf(zoo, line.name).form.is_exact) {
      growing.push_back(
          absl::StrCat(line.title, " from ", line.bubble.front(), " to ", line.bubble.back()));
      continue;
    }
    for (size_t i = 0; i < line.x.size(); ++i, ++points)
      claim.holds &= line.bubble[i] == line.formula[i] && line.bubble[i] == line.bubble[0];
  }
  claim.holds &= points > 0;
  claim.evidence = absl::StrCat(points, " simulations from ", zoo.by_microbatches[0].x.front(),
                                " to ", zoo.by_microbatches[0].x.back(), " microbatches",
                                growing.empty() ? "" : "; not so ", absl::StrJoin(growing, ", "));
  return claim;
}

Claim ActivationsAreThePapers(const Zoo& zoo) {
  Claim claim = {"Peak activations are the papers', for all nine", true, ""};
  std::vector<std::string> peaks;
  for (const Animal& animal : zoo.animals) {
    claim.holds &= animal.run.peak_activations() == animal.form.peak_activations;
    peaks.push_back(absl::StrFormat("%s %g", animal.title, animal.activations));
  }
  claim.evidence = absl::StrCat(absl::StrJoin(peaks, ", "), " microbatches of a rank's share");
  return claim;
}

Claim OneFOneBSavesMemoryOnly(const Zoo& zoo) {
  const Animal& gpipe = AnimalOf(zoo, "gpipe");
  const Animal& one = AnimalOf(zoo, "1f1b");
  return {"1F1B idles as long as GPipe; what it saves is memory",
          gpipe.run.makespan == one.run.makespan && one.activations == zoo.question.ranks &&
              gpipe.activations == zoo.question.microbatches,
          absl::StrFormat("both take %d; %g microbatches held against %g", one.run.makespan,
                          one.activations, gpipe.activations)};
}

Claim InterleavingTradesMemoryAndMessages(const Zoo& zoo) {
  const Animal& one = AnimalOf(zoo, "1f1b");
  const Animal& two = AnimalOf(zoo, "interleaved_1f1b");
  const int hops = zoo.question.ranks - 1;
  return {"Two chunks a rank halve 1F1B's idle time, for more activations and more messages",
          2 * two.run.bubble() == one.run.bubble() && two.activations > one.activations &&
              two.messages * hops == one.messages * (2 * hops + 1),
          absl::StrFormat("idle %d for %d, %g microbatches for %g, %d messages for %d",
                          two.run.bubble(), one.run.bubble(), two.activations, one.activations,
                          two.messages, one.messages)};
}

Claim ZeroBubblesAreZero(const Zoo& zoo) {
  const Animal& one = AnimalOf(zoo, "1f1b");
  const Animal& h1 = AnimalOf(zoo, "zb_h1");
  const Animal& h2 = AnimalOf(zoo, "zb_h2");
  const Animal& v = AnimalOf(zoo, "zb_v");
  const ZooQuestion& q = zoo.question;
  const bool even = q.forward == q.backward_input && q.backward_input == q.weight;
  bool holds = h1.run.bubble() < one.run.bubble() && h1.activations == one.activations &&
               h2.activations == 2 * q.ranks - 1 && v.activations == one.activations;
  if (even) holds &= 3 * h1.run.bubble() == one.run.bubble() && h2.run.gaps() + v.run.gaps() == 0;
  return {even
              ? "With F = B = W, a third of 1F1B's idle time for the same memory (ZB-H1), none for "
                "twice the memory (ZB-H2), none for the same memory (ZB-V)"
              : "ZB-H1 idles less than 1F1B for the same memory; ZB-V holds no more either",
          holds,
          absl::StrFormat("idle %d, %d between a rank's slots, %d between them; %g, %g, %g "
                          "microbatches; 1F1B %d and %g",
                          h1.run.bubble(), h2.run.gaps(), v.run.gaps(), h1.activations,
                          h2.activations, v.activations, one.run.bubble(), one.activations)};
}

Claim TwoDirectionsHoldTwice(const Zoo& zoo) {
  const Animal& chimera = AnimalOf(zoo, "chimera");
  const Animal& dual = AnimalOf(zoo, "dualpipe");
  const Animal& folded = AnimalOf(zoo, "dualpipe_v");
  bool others = true;
  for (const Animal& animal : zoo.animals)
    others &= animal.name == "chimera" || animal.name == "dualpipe" || animal.parameters == 1;
  return {"Two directions hold every parameter twice; folded, once",
          chimera.parameters == 2 && dual.parameters == 2 && folded.parameters == 1 && others,
          absl::StrFormat("Chimera %g, DualPipe %g, DualPipeV and all others %g shares",
                          chimera.parameters, dual.parameters, folded.parameters)};
}

Claim LostSlotsAreNamed(const Zoo& zoo) {
  int spoiled = 0, refused = 0;
  for (const Animal& animal : zoo.animals) {
    spoiled += animal.spoiled;
    refused += animal.refused;
  }
  return {"Whichever slot is lost, the validator says which", spoiled > 0 && refused == spoiled,
          absl::StrFormat("%d of %d schedules with one slot less", refused, spoiled)};
}

Claim HopsHurtWhoWaits(const Zoo& zoo) {
  const auto line = [&](const std::string& name) -> const SweepLine& {
    return *std::find_if(zoo.by_hop.begin(), zoo.by_hop.end(),
                         [&](const SweepLine& l) { return l.name == name; });
  };
  bool holds = true;
  for (const SweepLine& each : zoo.by_hop)
    holds &= std::is_sorted(each.fraction.begin(), each.fraction.end());
  const auto growth = [](const SweepLine& l) { return l.fraction.back() - l.fraction.front(); };
  holds &= growth(line("gpipe")) < growth(line("1f1b"));
  return {"Slow links cost 1F1B more than GPipe: a tight order waits for each message", holds,
          absl::StrFormat("a hop of %d takes GPipe from %.1f %% idle to %.1f %%, 1F1B to %.1f %%",
                          line("gpipe").x.back(), 100 * line("gpipe").fraction.front(),
                          100 * line("gpipe").fraction.back(), 100 * line("1f1b").fraction.back())};
}

Claim MeasurementsFollow(const Zoo& zoo) {
  double worst = 0, worst_interleaved = 0;
  for (const Comparison& each : zoo.published) {
    const double error = std::abs(each.predicted / each.row.samples_per_gpu_s - 1);
    double& most = each.row.schedule == "1F1B-I" ? worst_interleaved : worst;
    most = std::max(most, error);
  }
  return {
      "Two numbers a model explain the throughputs measured for it in arXiv:2401.10241, table 4",
      zoo.published.size() == 48 && worst < 0.035 && worst_interleaved < 0.05,
      absl::StrFormat("%d rows, four models; 1F1B and zero-bubble within %.1f %%, interleaved, "
                      "which sends more, within %.1f %%",
                      zoo.published.size(), 100 * worst, 100 * worst_interleaved)};
}

}  // namespace

std::vector<Claim> ClaimsOf(const Zoo& zoo) {
  return {BubblesAreThePapers(zoo),
          SweepsAreThePapers(zoo),
          ActivationsAreThePapers(zoo),
          OneFOneBSavesMemoryOnly(zoo),
          InterleavingTradesMemoryAndMessages(zoo),
          ZeroBubblesAreZero(zoo),
          TwoDirectionsHoldTwice(zoo),
          HopsHurtWhoWaits(zoo),
          LostSlotsAreNamed(zoo),
          MeasurementsFollow(zoo)};
}

}  // namespace strata::courses

#include "courses/distributed/pipeline_zoo/zoo.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distributed/schedule/activations.h"
#include "distributed/schedule/messages.h"
#include "distributed/schedule/schedules.h"
#include "distributed/schedule/validate.h"

namespace strata::courses {
namespace {

using schedule::Schedule;
using schedule::ScheduleShape;
using schedule::SlotTimes;

struct Species {
  const char* name;
  const char* title;
  const char* idea;
};

constexpr Species kSpecies[] = {
    {"gpipe", "GPipe", "All forwards, then all backwards: every rank holds every microbatch."},
    {"1f1b", "1F1B",
     "A backward as soon as there is one: the same idle time, the memory of `p` microbatches."},
    {"interleaved_1f1b", "Interleaved 1F1B",
     "Two chunks on a rank, dealt round: the pipeline fills and drains in half the time."},
    {"chimera", "Chimera",
     "Microbatches enter at both ends; each direction works in the other's bubbles. Every chunk is "
     "held twice."},
    {"zb_h1", "ZB-H1",
     "The backward pass in two: B is what others wait for, W waits until nobody needs the rank."},
    {"zb_h2", "ZB-H2",
     "Enough forwards ahead that no rank ever waits; the bubbles become a slanted start and end."},
    {"zb_v", "ZB-V",
     "Two chunks on a rank, down and back up: no waiting, with the memory of 1F1B."},
    {"dualpipe", "DualPipe",
     "Both directions again; a forward of one runs together with a backward of the other, so that "
     "each hides the other's communication."},
    {"dualpipe_v", "DualPipeV", "DualPipe cut in half and folded: no chunk is held twice."},
};

SlotTimes TimesOf(const ZooQuestion& question, const Schedule& schedule) {
  const auto chunks = static_cast<int64_t>(schedule::ChunksOfShare(schedule));
  return {.forward = question.forward / chunks,
          .backward_input = question.backward_input / chunks,
          .weight = question.weight / chunks};
}

absl::Status CheckQuestion(const ZooQuestion& question) {
  if (question.ranks < 2 || question.ranks % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: is ", question.ranks,
                     "; the schedules of two directions take even numbers from 2"));
  }
  const int least = 2 * question.ranks;
  if (question.microbatches < least || question.microbatches % question.ranks != 0) {
    return absl::InvalidArgumentError(absl::StrCat("microbatches: is ", question.microbatches,
                                                   "; give a multiple of ", question.ranks,
                                                   " from ", least));
  }
  for (int64_t time : {question.forward, question.backward_input, question.weight}) {
    if (time <= 0 || time % 2 != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "times: ", time, " is not a positive multiple of 2, so that chunks take whole numbers"));
    }
  }
  return absl::OkStatus();
}

// Takes each slot away in turn: the validator must name the work that is missing.
void CountRefusals(Animal* animal) {
  for (int rank = 0; rank < animal->schedule.ranks; ++rank) {
    for (size_t i = 0; i < animal->schedule.slots[rank].size(); ++i) {
      Schedule spoiled = animal->schedule;
      const schedule::Slot lost = spoiled.slots[rank][i];
      spoiled.slots[rank].erase(spoiled.slots[rank].begin() + static_cast<int>(i));
      const absl::Status status = schedule::ValidateSchedule(spoiled);
      ++animal->spoiled;
      animal->refused += absl::IsInvalidArgument(status) &&
                         absl::StrContains(status.message(), DescribeSlot(lost)) &&
                         absl::StrContains(status.message(), "missing");
    }
  }
}

absl::StatusOr<Animal> MakeAnimal(const Species& species, const ZooQuestion& question) {
  Animal animal = {.name = species.name, .title = species.title, .idea = species.idea};
  const ScheduleShape shape = {.ranks = question.ranks, .microbatches = question.microbatches};
  STRATA_ASSIGN_OR_RETURN(animal.schedule, schedule::MakeSchedule(species.name, shape));
  animal.times = TimesOf(question, animal.schedule);
  STRATA_ASSIGN_OR_RETURN(animal.run, schedule::Simulate(animal.schedule, animal.times));
  STRATA_ASSIGN_OR_RETURN(animal.form, schedule::ClosedFormOf(species.name, shape, animal.times));
  const double share = schedule::ChunksOfShare(animal.schedule);
  animal.activations = animal.run.peak_activations() / share;
  double held = 0;
  for (const auto& ranks : schedule::HoldersOf(animal.schedule))
    held += static_cast<double>(ranks.size());
  animal.parameters = held / share / question.ranks;
  STRATA_ASSIGN_OR_RETURN(const auto sent, schedule::CommunicationOf(animal.schedule));
  animal.messages = static_cast<int>(sent.messages.size());
  CountRefusals(&animal);
  return animal;
}

int64_t CountedBubble(const schedule::Simulation& run, const schedule::ClosedForm& form) {
  return form.of_own_span ? run.gaps() : run.bubble();
}

absl::StatusOr<SweepLine> SweepMicrobatches(const Species& species, const ZooQuestion& question) {
  SweepLine line = {.name = species.name, .title = species.title};
  for (int times : {2, 3, 4, 6, 8, 12, 16}) {
    const ScheduleShape shape = {.ranks = question.ranks, .microbatches = times * question.ranks};
    STRATA_ASSIGN_OR_RETURN(const Schedule made, schedule::MakeSchedule(species.name, shape));
    const SlotTimes slot_times = TimesOf(question, made);
    STRATA_ASSIGN_OR_RETURN(const auto run, schedule::Simulate(made, slot_times));
    STRATA_ASSIGN_OR_RETURN(const auto form,
                            schedule::ClosedFormOf(species.name, shape, slot_times));
    line.x.push_back(shape.microbatches);
    line.bubble.push_back(CountedBubble(run, form));
    line.formula.push_back(form.bubble);
    line.fraction.push_back(run.bubble_fraction());
  }
  return line;
}

absl::StatusOr<SweepLine> SweepHops(const Animal& animal, const ZooQuestion& question) {
  SweepLine line = {.name = animal.name, .title = animal.title};
  for (int64_t sixths = 0; sixths <= 6; ++sixths) {
    SlotTimes times = animal.times;
    times.hop = question.forward * sixths / 6;
    STRATA_ASSIGN_OR_RETURN(const auto run, schedule::Simulate(animal.schedule, times));
    line.x.push_back(times.hop);
    line.bubble.push_back(CountedBubble(run, animal.form));
    line.fraction.push_back(run.bubble_fraction());
  }
  return line;
}

absl::StatusOr<std::vector<Comparison>> CompareWithPublished() {
  std::vector<Comparison> comparisons;
  for (const schedule::PublishedRow& row : schedule::PublishedRows()) {
    Comparison comparison = {.row = row, .fit = schedule::CalibrationOf(row.model)};
    STRATA_ASSIGN_OR_RETURN(comparison.predicted, schedule::PredictedRate(row, comparison.fit));
    comparisons.push_back(std::move(comparison));
  }
  return comparisons;
}

}  // namespace

absl::StatusOr<Zoo> MakeZoo(const ZooQuestion& question) {
  STRATA_RETURN_IF_ERROR(CheckQuestion(question));
  Zoo zoo = {.question = question};
  for (const Species& species : kSpecies) {
    STRATA_ASSIGN_OR_RETURN(Animal animal, MakeAnimal(species, question));
    STRATA_ASSIGN_OR_RETURN(SweepLine microbatches, SweepMicrobatches(species, question));
    STRATA_ASSIGN_OR_RETURN(SweepLine hops, SweepHops(animal, question));
    zoo.animals.push_back(std::move(animal));
    zoo.by_microbatches.push_back(std::move(microbatches));
    zoo.by_hop.push_back(std::move(hops));
  }
  // The same for every question.
  static const auto* published =
      new absl::StatusOr<std::vector<Comparison>>(CompareWithPublished());
  STRATA_ASSIGN_OR_RETURN(zoo.published, *published);
  return zoo;
}

const Animal& AnimalOf(const Zoo& zoo, const std::string& name) {
  return *std::find_if(zoo.animals.begin(), zoo.animals.end(),
                       [&](const Animal& animal) { return animal.name == name; });
}

}  // namespace strata::courses

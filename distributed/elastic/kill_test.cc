// SIGKILL for any rank at more than 200 random moments: in a save, in a collective, in a step, while it starts or loads.
// Training goes on by itself from the last commit, and the losses have the bits of a run that nobody disturbed.
//
// A restarted run reads the newest commit, of which every byte is checked (StoredCheckpoint): had anything half-written
// been read, either that would have failed or the losses would differ.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/elastic/supervisor.h"
#include "distributed/elastic/tiny_processes.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

constexpr int kRanks = 4, kSeeds = 8, kKills = 27;  // 216 kills
constexpr int64_t kSteps = 160, kSaveEvery = 4;

// Up to which step a generation that is to be killed trains: then it waits for that. So no machine is fast enough to
// come to the end before the last kill.
int64_t LastStep(int generation) { return (generation + 1) * kSteps / (kKills + 1) + kSaveEvery; }

// One kill a generation. Where and when is drawn: a rank, a step, what the rank is then doing, and how far it has got
// with that.
class Killer {
 public:
  explicit Killer(uint32_t seed) : random_(seed) {}

  void operator()(int generation, ProcessGroup& group, Board& board) {
    if (generation >= kKills) return;
    if (generation != generation_) Draw(generation);
    // What was drawn may never come again in this generation: then it is killed at whatever it does.
    const bool any = SinceStart() > 0.8;
    Board::Slot& slot = board.slot(victim_);
    if (killed_ || (slot.step() < step_ && !any)) return;
    for (int look = 0; look < 400 && slot.phase() != phase_; ++look) usleep(5);
    if (slot.phase() != phase_ && !any) return;
    usleep(delay_us_);
    // Held where it is, to look whether it is still at what was drawn; if not, another time.
    group.SignalRank(victim_, SIGSTOP);
    usleep(100);
    if (slot.phase() != phase_ && !any) {
      group.SignalRank(victim_, SIGCONT);
      return;
    }
    group.SignalRank(victim_, SIGKILL);
    killed_ = true;
    victims_.push_back(victim_);
  }

  const std::vector<int>& victims() const { return victims_; }

 private:
  double SinceStart() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void Draw(int generation) {
    generation_ = generation;
    killed_ = false;
    start_ = std::chrono::steady_clock::now();
    victim_ = static_cast<int>(random_() % kRanks);
    constexpr Phase kAims[] = {Phase::kCompute,    Phase::kCompute, Phase::kCollective,
                               Phase::kCollective, Phase::kSave,    Phase::kSave,
                               Phase::kSave,       Phase::kLoad};
    phase_ = kAims[random_() % std::size(kAims)];
    // A save comes within kSaveEvery steps of each.
    const auto steps = static_cast<uint32_t>(LastStep(generation) - kSaveEvery);
    step_ = phase_ == Phase::kLoad ? 0 : steps - random_() % std::min(steps, 8u);
    delay_us_ = static_cast<useconds_t>(random_() % (phase_ == Phase::kCompute ? 150 : 1500));
  }

  std::mt19937 random_;
  std::chrono::steady_clock::time_point start_;
  int generation_ = -1, victim_ = 0;
  Phase phase_ = Phase::kStart;
  int64_t step_ = 0;
  useconds_t delay_us_ = 0;
  bool killed_ = false;
  std::vector<int> victims_;
};

void WaitToBeKilled(const Seat& seat, ElasticRun& run) {
  if (seat.generation >= kKills) return;
  run.on_step = [post = run.on_step, last = LastStep(seat.generation)](int64_t step, double loss) {
    post(step, loss);
    while (step >= last) pause();
  };
}

class KillTest : public testing::TestWithParam<int> {
 protected:
  // Losses of a run in `name`'s folder.
  absl::StatusOr<std::vector<double>> Train(const std::string& name, bool background,
                                            SupervisorOptions options) {
    const std::string root = JoinPath(testing::TempDir(), name);
    std::filesystem::remove_all(root);
    STRATA_ASSIGN_OR_RETURN(const auto record, LossRecord::Create(kSteps));
    TinyRun run;
    run.root = root;
    run.steps = kSteps;
    run.save_every = kSaveEvery;
    run.background = background;
    run.record = record.get();
    if (options.inject) run.change_run = WaitToBeKilled;
    options.ranks = kRanks;
    options.transport = GetParam() <= kSeeds / 2 ? "tcp" : "shm";
    options.poll = std::chrono::milliseconds(1);
    STRATA_ASSIGN_OR_RETURN(outcomes_, Supervise(options, TinyRankMain(run)));
    EXPECT_EQ(record->different(), 0) << "a step that was trained again came out differently";
    retrained_ = 0;
    for (int64_t step = 1; step <= kSteps; ++step) retrained_ += record->trained(step) / kRanks - 1;
    return record->losses();
  }

  std::vector<GenerationOutcome> outcomes_;
  int64_t retrained_ = 0;
};

TEST_P(KillTest, ResumesBitExactly) {
  const int seed = GetParam();
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> undisturbed,
                              Train(absl::StrCat("undisturbed", seed), true, {}));
  EXPECT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(retrained_, 0);

  Killer killer(static_cast<uint32_t>(seed));
  SupervisorOptions options;
  options.max_restarts = kKills;
  options.grace = std::chrono::milliseconds(0);
  options.inject = std::ref(killer);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> killed,
                              Train(absl::StrCat("killed", seed), seed % 2 == 0, options));
  EXPECT_EQ(killed, undisturbed);  // every bit of every loss
  ASSERT_EQ(killer.victims().size(), static_cast<size_t>(kKills));
  ASSERT_EQ(outcomes_.size(), 1u + kKills);

  std::map<std::string, int> where;
  double seconds = 0;
  for (int i = 0; i < kKills; ++i) {
    const GenerationOutcome& outcome = outcomes_[static_cast<size_t>(i)];
    EXPECT_EQ(outcome.first.signal, SIGKILL) << Describe(outcome);
    EXPECT_EQ(outcome.first.rank, killer.victims()[static_cast<size_t>(i)]);
    ++where[PhaseName(outcome.phase)];
    seconds += outcome.seconds;
  }
  std::printf("seed %d, %s: %d kills (", seed, seed <= kSeeds / 2 ? "tcp" : "shm", kKills);
  for (const auto& [phase, count] : where) std::printf(" %s %d", phase.c_str(), count);
  std::printf(" ), %d steps trained again, %.2f s a generation\n", static_cast<int>(retrained_),
              seconds / kKills);
  for (const char* phase : {"compute", "collective", "save"}) EXPECT_GT(where[phase], 0) << phase;
}

INSTANTIATE_TEST_SUITE_P(Seeds, KillTest, testing::Range(1, kSeeds + 1));

}  // namespace
}  // namespace strata::distributed

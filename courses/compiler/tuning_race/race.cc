#include "courses/compiler/tuning_race/race.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_format.h"
#include "compiler/tune/cost_model.h"
#include "compiler/tune/features.h"
#include "compiler/tune/landscape.h"
#include "compiler/tune/tuner.h"

namespace strata::courses {
namespace {

using compiler::tune::Config;
using compiler::tune::Landscape;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// Best cost so far over the optimum after each trial; NaN while all have failed.
absl::StatusOr<std::vector<double>> OneRun(const Landscape& landscape, const std::string& strategy,
                                           int trials, uint64_t seed, double optimum) {
  compiler::tune::TuneOptions options;
  options.strategy = strategy;
  options.max_trials = trials;
  options.seed = seed;
  options.finalists = 0;
  options.clock = [] { return 0.0; };  // trials are counted, not seconds
  compiler::tune::FunctionMeasure measure(&landscape.space, landscape.cost);
  compiler::tune::TuningLog log = compiler::tune::TuningLog::InMemory();
  STRATA_ASSIGN_OR_RETURN(
      const auto result,
      compiler::tune::Tune(landscape.space, {landscape.name, "", ""}, options, &measure, &log));
  std::vector<double> curve;
  double best = kNothing;
  for (const auto& trial : result.trials) {
    if (trial.ok() && !(best <= trial.cost / optimum)) best = trial.cost / optimum;
    curve.push_back(best);
  }
  return curve;
}

int FirstWithin(const std::vector<double>& curve, double bound) {
  for (size_t i = 0; i < curve.size(); ++i) {
    if (curve[i] <= bound) return static_cast<int>(i) + 1;
  }
  return 0;
}

Curve Summarise(const std::string& strategy, const std::vector<std::vector<double>>& runs) {
  Curve curve;
  curve.strategy = strategy;
  for (size_t i = 0; i < runs[0].size(); ++i) {
    std::vector<double> values;
    for (const auto& run : runs) {
      values.push_back(run[i] == run[i] ? run[i] : std::numeric_limits<double>::infinity());
    }
    std::sort(values.begin(), values.end());
    curve.median.push_back(values[values.size() / 2]);
    curve.lower.push_back(values[values.size() / 4]);
    curve.upper.push_back(values[3 * values.size() / 4]);
  }
  curve.within20 = FirstWithin(curve.median, 1.20);
  curve.within5 = FirstWithin(curve.median, 1.05);
  curve.within2 = FirstWithin(curve.median, 1.02);
  return curve;
}

// How well a cost model ranks configs it has not seen, after more and more samples.
void Learn(const Landscape& landscape, Course* course) {
  constexpr int kHeldOut = 250, kSeeds = 4;
  const compiler::tune::Features features(&landscape.space);
  for (int samples : {8, 16, 32, 64, 128}) {
    double sum = 0;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      compiler::tune::Random random(seed);
      std::vector<std::vector<double>> rows;
      std::vector<double> costs;
      while (static_cast<int>(costs.size()) < samples + kHeldOut) {
        const auto config = landscape.space.Draw(&random);
        const auto cost = landscape.cost(landscape.space.SettingOf(*config));
        if (!cost.ok()) continue;
        rows.push_back(features.Of(*config));
        costs.push_back(*cost);
      }
      const auto split = static_cast<long>(samples);
      compiler::tune::CostModel model;
      model.Fit({rows.begin(), rows.begin() + split},
                absl::MakeConstSpan(costs).first(static_cast<size_t>(samples)));
      course->scores.clear();
      course->costs.assign(costs.begin() + split, costs.end());
      for (auto row = rows.begin() + split; row != rows.end(); ++row)
        course->scores.push_back(model.Score(*row));
      sum += compiler::tune::RankCorrelation(course->scores, course->costs);
    }
    course->samples.push_back(samples);
    course->correlation.push_back(sum / kSeeds);
  }
}

absl::StatusOr<Course> RunCourse(const Landscape& landscape, const RaceOptions& options) {
  Course course;
  course.landscape = landscape.name;
  course.points = landscape.space.size();
  const compiler::tune::Optimum optimum = compiler::tune::FindOptimum(landscape);
  course.valid = optimum.valid;
  course.optimum = optimum.cost;
  course.best = landscape.space.Print(optimum.config);
  for (const char* strategy : {"random", "evolutionary", "model"}) {
    const bool model = std::string(strategy) == "model";
    std::vector<std::vector<double>> runs;
    for (int seed = 1; seed <= options.seeds; ++seed) {
      STRATA_ASSIGN_OR_RETURN(
          std::vector<double> run,
          OneRun(landscape, strategy, model ? options.model_trials : kOtherTrials,
                 static_cast<uint64_t>(seed), optimum.cost));
      runs.push_back(std::move(run));
    }
    course.curves.push_back(Summarise(strategy, runs));
  }
  Learn(landscape, &course);
  return course;
}

const Curve& CurveOf(const Course& course, const std::string& strategy) {
  return *std::find_if(course.curves.begin(), course.curves.end(),
                       [&](const Curve& curve) { return curve.strategy == strategy; });
}

double After(const Course& course, const std::string& strategy, int trials) {
  return CurveOf(course, strategy).median[static_cast<size_t>(trials) - 1];
}

std::string Percent(double ratio) { return absl::StrFormat("%.1f %%", 100 * (ratio - 1)); }

void AddClaims(const Course& course, std::vector<Claim>* claims) {
  const double model = After(course, "model", 96);
  const double evolved = After(course, "evolutionary", 256), drawn = After(course, "random", 256);
  claims->push_back(
      {absl::StrCat(course.landscape, ": evolution after 256 trials is ahead of chance"),
       evolved < drawn,
       absl::StrCat(Percent(evolved), " above the optimum against ", Percent(drawn))});
  const double share = 96.0 / static_cast<double>(course.points);
  const bool rugged = course.landscape.rfind("rugged", 0) == 0;
  const double bound = rugged ? 1.15 : 1.05;
  claims->push_back({absl::StrFormat("%s: 96 learned trials come within %.0f %% of the optimum",
                                     course.landscape, 100 * (bound - 1)),
                     model <= bound,
                     absl::StrFormat("%s above it, with %.3f %% of the points measured",
                                     Percent(model), 100 * share)});
  const double correlation = course.correlation[3];
  claims->push_back(
      {absl::StrCat(course.landscape, ": 64 samples teach the model to rank what it has not seen"),
       correlation > 0.65 && course.correlation.back() > course.correlation.front(),
       absl::StrFormat("rank correlation %.2f after 64 samples, %.2f after 8, %.2f after 128",
                       correlation, course.correlation.front(), course.correlation.back())});
}

// On a landscape that is flat near its optimum chance may be ahead; over all of them it is not.
Claim Overall(const std::vector<Course>& courses) {
  double model = 0, random = 0;
  for (const Course& course : courses) {
    model += After(course, "model", 96) / static_cast<double>(courses.size());
    random += After(course, "random", 192) / static_cast<double>(courses.size());
  }
  return {
      "over all landscapes the learned search after 96 trials is ahead of chance after 192",
      model < random,
      absl::StrCat(Percent(model), " above the optimum in the mean, against ", Percent(random))};
}

}  // namespace

std::vector<Claim> ClaimsOf(const Race& race) {
  std::vector<Claim> claims;
  for (const Course& course : race.courses) AddClaims(course, &claims);
  claims.push_back(Overall(race.courses));
  return claims;
}

absl::StatusOr<Race> RunRace(const RaceOptions& options) {
  if (options.seeds < 1 || options.model_trials < 96)
    return absl::InvalidArgumentError("the race needs a seed and 96 trials of the model");
  Race race;
  race.options = options;
  for (const Landscape& landscape :
       {compiler::tune::GemmLandscape({.m = 512, .n = 512, .k = 512}),
        compiler::tune::GemmLandscape({.m = 256, .n = 3072, .k = 768, .threads = 2}),
        compiler::tune::RuggedLandscape(0x5a3)}) {
    STRATA_ASSIGN_OR_RETURN(Course course, RunCourse(landscape, options));
    race.courses.push_back(std::move(course));
  }
  return race;
}

}  // namespace strata::courses

#include "inference/load/soak.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "inference/load/soak_requests.h"
#include "inference/server/client.h"

namespace strata::inference {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostFaults = 20;
constexpr double kSlackBytes = 16 << 20;
constexpr double kSlackFiles = 8;

// Greedy, so that there is one right answer. Token by token it takes the same road as the rest.
constexpr char kQuestion[] =
    R"({"prompt":"the same question","max_tokens":24,"temperature":0,"seed":1,"ignore_eos":true})";

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The sum of a metric's samples, over all labels; nothing when the server has no such metric.
std::optional<double> Metric(const std::string& text, absl::string_view name) {
  std::optional<double> sum;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, name)) continue;
    const absl::string_view rest = line.substr(name.size());
    if (rest.empty() || (rest[0] != '{' && rest[0] != ' ')) continue;
    double value = 0;
    if (absl::SimpleAtod(rest.substr(rest.rfind(' ') + 1), &value)) sum = sum.value_or(0) + value;
  }
  return sum;
}

class Soaker {
 public:
  Soaker(std::string host, int port, const SoakOptions& options)
      : host_(std::move(host)), port_(port), options_(options) {}

  absl::StatusOr<SoakReport> Run() {
    STRATA_ASSIGN_OR_RETURN(const HttpResponse first, Ask(kQuestion));
    if (first.status != 200)
      return absl::UnavailableError(absl::StrCat("HTTP ", first.status, ": ", first.body));
    answer_ = AnswerOf(first.body);
    Half(0);
    report_.memory_half_time = Memory();
    const double files = Value("process_open_fds");
    Half(1);
    ExpectIdle();
    report_.memory_end = Memory();
    CheckGrowth("memory (bytes)", report_.memory_half_time, report_.memory_end,
                options_.memory_growth, kSlackBytes);
    CheckGrowth("open files", files, Value("process_open_fds"), 0, kSlackFiles);
    return report_;
  }

 private:
  absl::StatusOr<HttpResponse> Ask(const std::string& body) {
    return HttpRequest(host_, port_, "POST", "/v1/completions", body, {}, Stall());
  }
  std::chrono::milliseconds Stall() const {
    return std::chrono::milliseconds(static_cast<int64_t>(options_.stall_seconds * 1e3));
  }

  // From the choices on: what comes before has ids and times.
  static std::string AnswerOf(const std::string& body) {
    const size_t begin = body.find("\"text\":");
    return begin == std::string::npos ? body : body.substr(begin, body.find('}', begin) - begin);
  }

  void Half(int half) {
    const Clock::time_point start = Clock::now();
    const auto going = [&] {
      return Since(start) < options_.seconds / 2 &&
             (options_.most_requests == 0 || Count() < options_.most_requests * (half + 1) / 2);
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.clients; ++i) {
      const uint64_t seed = options_.seed * 1000003 + static_cast<uint64_t>(half * 1009 + i);
      threads.emplace_back([this, seed, &going] {
        LoadRandom random(seed);
        while (going()) SendOne(&random);
      });
    }
    for (int i = 0; i < options_.watchers; ++i) {
      threads.emplace_back([this, &going] {
        do AskAgain();
        while (going());
      });
    }
    while (options_.on_progress && going()) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      const std::lock_guard<std::mutex> lock(mutex_);
      options_.on_progress(SoakText(report_));
    }
    for (std::thread& thread : threads) thread.join();
  }

  int64_t Count() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return report_.requests;
  }

  void SendOne(LoadRandom* random) {
    const SoakRequest request = RandomSoakRequest(options_.most_tokens, random);
    const Clock::time_point start = Clock::now();
    int64_t events = 0;
    bool left = false;
    const absl::StatusOr<HttpResponse> response =
        request.leave_after == 0 && !request.stream
            ? HangUp(request, &left)
            : PostSse(
                  host_, port_, request.target, request.body,
                  [&](absl::string_view) {
                    left = request.leave_after >= 0 && events++ >= request.leave_after;
                    return !left;
                  },
                  Stall());
    const std::lock_guard<std::mutex> lock(mutex_);
    ++report_.requests;
    Judge(request, response, left, Since(start));
  }

  // Waits a moment for an answer and goes away.
  absl::StatusOr<HttpResponse> HangUp(const SoakRequest& request, bool* left) {
    auto response = HttpRequest(host_, port_, "POST", request.target, request.body, {},
                                std::chrono::milliseconds(2));
    *left = absl::IsDeadlineExceeded(response.status());
    return response;
  }

  void Judge(const SoakRequest& request, const absl::StatusOr<HttpResponse>& response, bool left,
             double seconds) {
    report_.slowest_seconds = std::max(report_.slowest_seconds, seconds);
    if (left) {
      ++report_.left;
    } else if (!response.ok()) {
      Fault(absl::StrCat(response.status().message(), " after ", seconds, " s: ", request.body));
    } else if (response->status == 200 && request.good) {
      ++report_.answered;
    } else if (response->status == 503 || (response->status / 100 == 4 && !request.good)) {
      ++report_.refused;
      if (!absl::StrContains(response->body, "\"error\""))
        Fault(absl::StrCat("no error object: ", response->body));
    } else {
      Fault(absl::StrCat("HTTP ", response->status, " ", response->body, " to ", request.body));
    }
  }

  void AskAgain() {
    const Clock::time_point start = Clock::now();
    const absl::StatusOr<HttpResponse> response = Ask(kQuestion);
    const std::lock_guard<std::mutex> lock(mutex_);
    report_.slowest_seconds = std::max(report_.slowest_seconds, Since(start));
    if (!response.ok()) return Fault(std::string(response.status().message()));
    if (response->status == 503) return;
    if (AnswerOf(response->body) == answer_) {
      ++report_.same_answers;
    } else {
      Fault(absl::StrCat("another answer to the same question: ", response->body));
    }
  }

  std::string Metrics() {
    const auto response = HttpRequest(host_, port_, "GET", "/metrics", "", {}, Stall());
    return response.ok() ? response->body : "";
  }
  double Value(absl::string_view name) { return Metric(Metrics(), name).value_or(0); }
  double Memory() { return Value("process_resident_memory_bytes"); }

  // A cancelled request may take a step more to go.
  void ExpectIdle() {
    const Clock::time_point start = Clock::now();
    double running = 0, waiting = 0, pages = 0;
    do {
      const std::string text = Metrics();
      running = Metric(text, "vllm:num_requests_running").value_or(0);
      waiting = Metric(text, "vllm:num_requests_waiting").value_or(0);
      pages = Metric(text, "vllm:kv_cache_usage_perc").value_or(0);
      if (running == 0 && waiting == 0 && pages == 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    } while (Since(start) < options_.stall_seconds);
    const std::lock_guard<std::mutex> lock(mutex_);
    Fault(absl::StrCat("with no client left, ", running, " requests run, ", waiting, " wait, and ",
                       pages, " of the KV cache is held"));
  }

  void CheckGrowth(absl::string_view what, double before, double after, double share,
                   double slack) {
    if (before == 0 || after <= before * (1 + share) + slack) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    Fault(absl::StrCat(what, " grew from ", before, " at half-time to ", after));
  }

  // With the mutex held.
  void Fault(std::string what) {
    if (report_.faults.size() < kMostFaults) report_.faults.push_back(std::move(what));
  }

  const std::string host_;
  const int port_;
  const SoakOptions& options_;
  std::string answer_;
  std::mutex mutex_;  // guards the report
  SoakReport report_;
};

}  // namespace

absl::StatusOr<SoakReport> Soak(const std::string& host, int port, const SoakOptions& options) {
  if (!(options.seconds > 0))
    return absl::InvalidArgumentError(
        absl::StrCat("seconds: ", options.seconds, " is not above 0"));
  return Soaker(host, port, options).Run();
}

std::string SoakText(const SoakReport& report) {
  std::string text = absl::StrFormat(
      "%d requests: %d answered, %d refused, %d left; %d same answers; slowest %.2f s; memory %.1f "
      "MiB at half-time, %.1f MiB at the end\n",
      report.requests, report.answered, report.refused, report.left, report.same_answers,
      report.slowest_seconds, report.memory_half_time / (1 << 20), report.memory_end / (1 << 20));
  for (const std::string& fault : report.faults) absl::StrAppend(&text, "FAULT: ", fault, "\n");
  return text;
}

}  // namespace strata::inference

#include "courses/lab/lab_main.h"

#include <cstdio>

#include "base/file.h"
#include "base/user_folder.h"

namespace strata::courses {
namespace {

// Standard output unless the lab's data goes there.
std::FILE* ClaimsFile(const CLI::App& app) {
  const CLI::Option* json = app.get_option_no_throw("--json");
  return json != nullptr && json->count() > 0 ? stderr : stdout;
}

int Fail(const std::string& name, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", name.c_str(), std::string(status.message()).c_str());
  return ExitCode(status);
}

// `path` is read after the parsing, which may set it.
int Main(CLI::App& app, const std::string& name, int argc, char** argv,
         const std::function<std::string()>& path,
         const std::function<absl::StatusOr<Report>()>& run) {
  EnterUserFolder();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::StatusOr<Report> report = run();
  if (!report.ok()) return Fail(name, report.status());
  std::FILE* file = ClaimsFile(app);
  for (const Claim& claim : report->claims()) {
    std::fprintf(file, "%s  %s: %s\n", claim.holds ? "holds" : "FAILS", claim.claim.c_str(),
                 claim.evidence.c_str());
  }
  const absl::Status written = report->Write(path());
  if (!written.ok()) return Fail(name, written);
  std::fprintf(file, "report: %s\n", path().c_str());
  if (report->passed()) return 0;
  std::fprintf(stderr, "%s: a claim is false; the report names it\n", name.c_str());
  return 1;
}

}  // namespace

int LabMain(CLI::App& app, const std::string& name, int argc, char** argv,
            const std::function<absl::StatusOr<Report>()>& run) {
  std::string output = name + ".html";
  app.add_option("-o,--output", output, "the report")->capture_default_str();
  return Main(
      app, name, argc, argv, [&] { return output; }, run);
}

int LabFolderMain(CLI::App& app, const std::string& name, int argc, char** argv,
                  std::string& folder, const std::function<absl::StatusOr<Report>()>& run) {
  app.add_option("-o,--output", folder, "folder for report.html and what else is made")
      ->capture_default_str();
  return Main(
      app, name, argc, argv, [&] { return JoinPath(folder, "report.html"); }, run);
}

}  // namespace strata::courses

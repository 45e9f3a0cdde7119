#include "services/pcm/command_run.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "common/clock/clock.h"
#include "common/process/process.h"
#include "common/status/status_macros.h"
#include "common/text/utf8.h"
#include "common/tree/directory.h"
#include "common/tree/path.h"
#include "services/pcm/history.h"

namespace waybill::pcm {
namespace {

constexpr int kDetailBytesMax = 1000;
constexpr int kCutLineBytes = 96;  // What the line costs that tells how much was cut.

void SetNotStarted(const absl::Status& status, RunRecord& record) {
  record.outcome = RunOutcome::kNotStarted;
  record.detail = text::ToUtf8(status.ToString(), kDetailBytesMax);
}

void SetOutcome(const process::Outcome& outcome, RunRecord& record) {
  record.output = text::ToUtf8(outcome.output, kOutputBytesMax);
  record.run_duration = outcome.duration;
  if (outcome.timed_out) {
    record.outcome = RunOutcome::kTimedOut;
  } else if (outcome.exit_code.has_value()) {
    record.outcome = RunOutcome::kExited;
    record.exit_code = *outcome.exit_code;
  } else {
    record.outcome = RunOutcome::kKilled;
    record.detail = absl::StrCat("signal ", outcome.signal.value_or(0), " ended it");
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ResolveArguments(const CommandInput& input) {
  std::vector<std::string> arguments = input.offer.arguments;
  if (arguments.empty() || arguments.front().empty()) {
    return absl::InvalidArgumentError("the command names no program");
  }
  std::string& program = arguments.front();
  if (program.front() == '/') {
    return arguments;
  }
  program = std::string(absl::StripPrefix(program, "./"));
  WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo info, input.root.Stat(program));
  // A link of a verified package leads to a place within it.
  if (info.type != tree::FileType::kRegular && info.type != tree::FileType::kLink) {
    return absl::FailedPreconditionError(
        absl::StrCat("program ", tree::Escaped(program), " is not a file of the package"));
  }
  return arguments;
}

std::vector<std::string> CommandEnvironment(const CommandInput& input) {
  return {"PATH=/usr/bin:/bin",
          "LANG=C.UTF-8",
          absl::StrCat("HOME=", input.home_directory),
          absl::StrCat("WAYBILL_JOB_ID=", input.offer.job_id),
          absl::StrCat("WAYBILL_PACKAGE_ID=", input.offer.package_id),
          absl::StrCat("WAYBILL_SMS_ID=", input.sms_id)};
}

void RunCommand(const CommandInput& input, const clock::Clock& clock,
                const std::function<bool()>& cancelled, RunRecord& record) {
  record.start_time = clock.Now();
  absl::StatusOr<std::vector<std::string>> arguments = ResolveArguments(input);
  if (!arguments.ok()) {
    return SetNotStarted(arguments.status(), record);
  }
  process::Command command;
  command.arguments = *std::move(arguments);
  command.environment = CommandEnvironment(input);
  command.working_directory = &input.root;
  command.time_limit = input.offer.time_limit;
  command.output_bytes_max = kOutputBytesMax - kCutLineBytes;
  const absl::Duration start = clock.Monotonic();
  const absl::StatusOr<process::Outcome> outcome = process::Run(command, cancelled);
  if (outcome.ok()) {
    return SetOutcome(*outcome, record);
  }
  if (absl::IsCancelled(outcome.status()) || absl::IsInternal(outcome.status())) {
    // It ran, and was ended with us or with its supervisor.
    record.outcome = RunOutcome::kInterrupted;
    record.run_duration = clock.Monotonic() - start;
    record.detail = text::ToUtf8(outcome.status().message(), kDetailBytesMax);
    return;
  }
  SetNotStarted(outcome.status(), record);
}

}  // namespace waybill::pcm

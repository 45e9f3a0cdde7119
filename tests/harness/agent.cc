#include "tests/harness/agent.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "tests/harness/require.h"
#include "tests/harness/service.h"

namespace waybill::harness {

Agent::Agent(Options options) : options_(std::move(options)) {}

void Agent::StartService() {
  Start("--service");
}

void Agent::StartOnce() {
  Start("--once");
}

void Agent::AwaitOnce(absl::Duration limit) {
  if (const int code = process_->AwaitExit(limit); code != 0) {
    Fail(absl::StrCat("the agent of ", options_.sms_id, " ended with ", code, ":\n", LogTail(20)));
  }
}

std::string Agent::LogTail(int lines) const {
  return process_ == nullptr ? "" : process_->LogTail(lines);
}

void Agent::Start(const std::string& mode) {
  std::filesystem::create_directories(options_.directory);
  process_ = std::make_unique<Process>(Process::Options{
      .program = ProgramPath("waybill-pcm"),
      .arguments = {mode, "--site", options_.site_code, "--sms-id", options_.sms_id, "--server",
                    options_.endpoint, "--tls-ca-file", options_.tls.ca_file,
                    "--tls-certificate-file", options_.tls.certificate_file, "--tls-key-file",
                    options_.tls.key_file, "--state-directory", options_.directory + "/state"},
      .log_path = options_.directory + "/agent.log"});
  process_->Start();
}

}  // namespace waybill::harness

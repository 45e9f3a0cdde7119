#include "tests/harness/service.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "tests/harness/eventually.h"
#include "tests/harness/require.h"

namespace waybill::harness {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// Between fork and exec: only what is safe there.
[[noreturn]] void BecomeProgram(char** arguments, char** environment, int log, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(126);  // It died before it could be tied to us.
  }
  setpgid(0, 0);  // An interrupt at the keyboard is the test's alone.
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(log, 1);
  dup2(log, 2);
  execve(arguments[0], arguments, environment);
  _exit(127);
}

}  // namespace

std::string ProgramPath(absl::string_view program) {
  const char* chosen = std::getenv("WAYBILL_BIN");
  return absl::StrCat(chosen != nullptr ? chosen : WAYBILL_BIN_DIRECTORY, "/", program);
}

Process::~Process() {
  Kill9();
}

void Process::Start() {
  if (access(options_.program.c_str(), X_OK) != 0) {
    Fail(absl::StrCat(options_.program, " is not there: build it first"));
  }
  std::vector<std::string> arguments = options_.arguments;
  arguments.insert(arguments.begin(), options_.program);
  std::vector<std::string> environment = options_.environment;
  environment.emplace_back("PATH=/usr/local/bin:/usr/bin:/bin");
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const int log = open(options_.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    BecomeProgram(const_cast<char**>(argument_pointers.data()),
                  const_cast<char**>(environment_pointers.data()), log, parent);
  }
  close(log);
  if (pid_ < 0) {
    Fail(absl::StrCat("cannot start ", options_.program));
  }
}

bool Process::IsRunning() {
  if (pid_ < 0) {
    return false;
  }
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) {
    return true;
  }
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
  return false;
}

void Process::Kill9() {
  if (!IsRunning()) {
    return;
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  exit_code_ = 128 + SIGKILL;
}

void Process::Stop() {
  kill(pid_, SIGSTOP);
}

void Process::Continue() {
  kill(pid_, SIGCONT);
}

int Process::Terminate(absl::Duration limit) {
  if (IsRunning()) {
    kill(pid_, SIGTERM);
  }
  return AwaitExit(limit);
}

int Process::AwaitExit(absl::Duration limit) {
  Await(absl::StrCat("the end of ", options_.program), limit, [this] {
    return IsRunning() ? testing::AssertionFailure() << "it still runs"
                       : testing::AssertionSuccess();
  });
  return exit_code_;
}

std::string Process::Log() const {
  return ReadAll(options_.log_path);
}

std::string Process::LogTail(int lines) const {
  const std::string log = Log();
  std::size_t start = log.size();
  for (int i = 0; i <= lines && start != std::string::npos && start > 0; ++i) {
    start = log.rfind('\n', start - 1);
  }
  return start == std::string::npos ? log : log.substr(start);
}

Service::Service(std::string name, Process::Options options, std::string ports_path,
                 std::function<void(const Service&)> on_start)
    : name_(std::move(name)),
      process_(std::move(options)),
      ports_path_(std::move(ports_path)),
      on_start_(std::move(on_start)) {}

void Service::Launch() {
  std::filesystem::remove(ports_path_);
  ports_.clear();
  process_.Start();
}

void Service::AwaitServing(absl::Duration limit) {
  Await(absl::StrCat(name_, " serves"), limit, [this] {
    if (std::filesystem::exists(ports_path_)) {
      return testing::AssertionSuccess();
    }
    if (!process_.IsRunning()) {
      Fail(absl::StrCat(name_, " ended at start:\n", process_.LogTail(20)));
    }
    return testing::AssertionFailure() << "it has not said its ports yet; its log ends:\n"
                                       << process_.LogTail(10);
  });
  ports_ = nlohmann::json::parse(ReadAll(ports_path_)).get<std::map<std::string, int>>();
  on_start_(*this);
}

void Service::Start() {
  Launch();
  AwaitServing();
}

void Service::Kill9() {
  process_.Kill9();
}

void Service::Restart() {
  Kill9();
  Start();
}

int Service::port(const std::string& listener) const {
  const auto found = ports_.find(listener);
  if (found == ports_.end()) {
    Fail(absl::StrCat(name_, " has no listener ", listener));
  }
  return found->second;
}

}  // namespace waybill::harness

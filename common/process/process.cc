#include "common/process/process.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <utility>

#include <sys/wait.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/process/output_keeper.h"
#include "common/process/supervisor.h"
#include "common/status/status_macros.h"
#include "common/tree/errno_status.h"
#include "common/tree/path.h"

namespace waybill::process {
namespace {

using Clock = std::chrono::steady_clock;

constexpr absl::Duration kCancelPoll = absl::Milliseconds(50);
/// More than a pipe can hold, unless someone outside the tree holds its other end and keeps
/// writing.
constexpr int64_t kDrainBytesMax = 4 << 20;

/// Closes a descriptor at the end of the scope.
class Descriptor {
 public:
  Descriptor() = default;
  /// Takes over `value`, moved above 2, where the command's own descriptors go.
  explicit Descriptor(int value) : value_(value) {
    if (value < 0 || value > STDERR_FILENO) return;
    value_ = fcntl(value, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(value);
  }
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() { Close(); }

  int get() const { return value_; }
  void Close() {
    if (value_ >= 0) close(std::exchange(value_, -1));
  }

 private:
  int value_ = -1;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return tree::ErrnoToStatus(errno, "make pipe for", "a command");
  Pipe made{Descriptor(ends[0]), Descriptor(ends[1])};
  if (made.read_end.get() < 0 || made.write_end.get() < 0) {
    return tree::ErrnoToStatus(EMFILE, "make pipe for", "a command");
  }
  return made;
}

absl::Status Check(const Command& command) {
  if (command.arguments.empty() || command.arguments[0].empty()) {
    return absl::InvalidArgumentError("arguments: no program");
  }
  const auto has_nul = [](const std::string& text) { return absl::StrContains(text, '\0'); };
  if (std::any_of(command.arguments.begin(), command.arguments.end(), has_nul)) {
    return absl::InvalidArgumentError("arguments: a NUL character");
  }
  for (const std::string& entry : command.environment) {
    const size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos || has_nul(entry)) {
      return absl::InvalidArgumentError(absl::StrCat("environment: ", tree::Escaped(entry)));
    }
  }
  return absl::OkStatus();
}

/// As exec wants it. Points into `texts`.
std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// One run: the descriptors that lead to the supervisor, and what came back through them.
class Execution {
 public:
  explicit Execution(const Command& command)
      : command_(command), output_text_(command.output_bytes_max) {}

  /// Not reached with a supervisor running, except through an early return: closing the lifeline
  /// ends it.
  ~Execution() {
    lifeline_.write_end.Close();
    if (supervisor_ > 0) AwaitSupervisor();
  }

  absl::Status Start();
  absl::StatusOr<Outcome> Finish(absl::FunctionRef<bool()> cancelled);

 private:
  absl::Status Prepare();
  bool ReadReport();
  void ReadOutput();
  void Drain();
  void AwaitSupervisor();
  absl::StatusOr<Outcome> Conclude();
  absl::Duration Elapsed() const { return absl::FromChrono(Clock::now() - started_); }

  const Command& command_;
  const Clock::time_point started_ = Clock::now();
  Descriptor null_device_;
  Descriptor working_directory_;
  Pipe output_;
  Pipe report_;
  Pipe lifeline_;
  pid_t supervisor_ = -1;
  OutputKeeper output_text_;
  Report last_report_ = {};
  bool timed_out_ = false;
  bool cancelled_ = false;
};

absl::Status Execution::Prepare() {
  null_device_ = Descriptor(openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC));
  if (null_device_.get() < 0) return tree::ErrnoToStatus(errno, "open", "/dev/null");
  if (command_.working_directory != nullptr) {
    working_directory_ = Descriptor(
        fcntl(command_.working_directory->descriptor(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (working_directory_.get() < 0) {
      return tree::ErrnoToStatus(errno, "hold working directory",
                                 command_.working_directory->path());
    }
  }
  WAYBILL_ASSIGN_OR_RETURN(output_, MakePipe());
  WAYBILL_ASSIGN_OR_RETURN(report_, MakePipe());
  WAYBILL_ASSIGN_OR_RETURN(lifeline_, MakePipe());
  for (const int descriptor : {output_.read_end.get(), report_.read_end.get()}) {
    if (fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0)
      return tree::ErrnoToStatus(errno, "set up", "a pipe");
  }
  return absl::OkStatus();
}

absl::Status Execution::Start() {
  WAYBILL_RETURN_IF_ERROR(Prepare());
  const std::vector<char*> arguments = Pointers(command_.arguments);
  const std::vector<char*> environment = Pointers(command_.environment);
  SupervisorPlan plan = {};
  plan.arguments = arguments.data();
  plan.environment = environment.data();
  plan.working_directory = working_directory_.get();
  plan.null_device = null_device_.get();
  plan.output = output_.write_end.get();
  plan.report = report_.write_end.get();
  plan.lifeline = lifeline_.read_end.get();
  plan.parent = getpid();
  plan.memory_bytes_max = command_.memory_bytes_max.value_or(-1);
  plan.file_bytes_max = command_.file_bytes_max.value_or(-1);
  // A handler of ours must not run in the child, which has our handlers but not our threads.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  supervisor_ = fork();
  if (supervisor_ == 0) Supervise(plan);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  output_.write_end.Close();
  report_.write_end.Close();
  lifeline_.read_end.Close();
  if (supervisor_ < 0) return tree::ErrnoToStatus(error, "run", command_.arguments[0]);
  return absl::OkStatus();
}

/// False at the end of the reports.
bool Execution::ReadReport() {
  Report report = {};
  const ssize_t count = read(report_.read_end.get(), &report, sizeof(report));
  if (count != sizeof(report)) return count < 0 && (errno == EAGAIN || errno == EINTR);
  // A command that could not be started ends too: the first reason stands.
  if (last_report_.kind == 0) last_report_ = report;
  return true;
}

void Execution::ReadOutput() {
  char buffer[16 << 10];
  const ssize_t count = read(output_.read_end.get(), buffer, sizeof(buffer));
  if (count > 0) {
    output_text_.Append(absl::string_view(buffer, static_cast<size_t>(count)));
  } else if (count == 0) {
    output_.read_end.Close();  // poll skips a negative descriptor.
  }
}

void Execution::Drain() {
  char buffer[16 << 10];
  for (int64_t drained = 0; drained < kDrainBytesMax;) {
    const ssize_t count = read(output_.read_end.get(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    output_text_.Append(absl::string_view(buffer, static_cast<size_t>(count)));
    drained += count;
  }
}

void Execution::AwaitSupervisor() {
  // ECHILD where our program lets the kernel reap: then it is gone too.
  while (waitpid(supervisor_, nullptr, 0) < 0 && errno == EINTR) {
  }
  supervisor_ = -1;
}

absl::StatusOr<Outcome> Execution::Finish(absl::FunctionRef<bool()> cancelled) {
  for (;;) {
    const bool ending = timed_out_ || cancelled_ || last_report_.kind != 0;
    if (!ending) {
      timed_out_ = Elapsed() >= command_.time_limit;
      cancelled_ = !timed_out_ && cancelled();
      if (timed_out_ || cancelled_) lifeline_.write_end.Close();
    }
    const absl::Duration left = ending ? kCancelPoll : command_.time_limit - Elapsed();
    const absl::Duration wait = std::clamp(left, absl::Milliseconds(1), kCancelPoll);
    pollfd events[] = {{report_.read_end.get(), POLLIN, 0}, {output_.read_end.get(), POLLIN, 0}};
    if (poll(events, 2, static_cast<int>(absl::ToInt64Milliseconds(wait))) < 0) continue;
    if (events[1].revents != 0) ReadOutput();
    if (events[0].revents != 0 && !ReadReport()) break;
  }
  Drain();
  AwaitSupervisor();
  return Conclude();
}

absl::StatusOr<Outcome> Execution::Conclude() {
  const std::string& program = command_.arguments[0];
  if (cancelled_)
    return absl::CancelledError(absl::StrCat("run ", tree::Escaped(program), ": cancelled"));
  Outcome outcome;
  switch (last_report_.kind) {
    case Report::kCannotEnter:
      return tree::ErrnoToStatus(last_report_.value, "enter the working directory of", program);
    case Report::kCannotRun:
      return tree::ErrnoToStatus(last_report_.value, "run", program);
    case Report::kEnded:
      break;
    default:
      return absl::InternalError(
          absl::StrCat("run ", tree::Escaped(program), ": supervisor was killed"));
  }
  const int status = last_report_.value;
  if (timed_out_) {
    outcome.timed_out = true;
    outcome.signal = SIGKILL;
  } else if (WIFEXITED(status)) {
    outcome.exit_code = WEXITSTATUS(status);
  } else {
    outcome.signal = WTERMSIG(status);
  }
  outcome.output = output_text_.Text();
  outcome.duration = Elapsed();
  return outcome;
}

}  // namespace

absl::StatusOr<Outcome> Run(const Command& command, absl::FunctionRef<bool()> cancelled) {
  WAYBILL_RETURN_IF_ERROR(Check(command));
  Execution execution(command);
  WAYBILL_RETURN_IF_ERROR(execution.Start());
  return execution.Finish(cancelled);
}

}  // namespace waybill::process

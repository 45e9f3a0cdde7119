#include "common/process/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <dirent.h>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace waybill::process {
namespace {

// Everything here runs between fork and exec of a process that may have had threads: no allocation,
// no locks, no stdio; plain system calls and stack memory.

/// Sent by the kernel when the parent dies. Not SIGTERM, which a service manager sends to all
/// processes of a service that may still want to see its command end.
constexpr int kParentDied = SIGUSR1;

void Send(const SupervisorPlan& plan, Report::Kind kind, int value) {
  const Report report = {kind, value};
  // Less than PIPE_BUF, so it is written whole. If the parent is gone, nobody wants it.
  while (write(plan.report, &report, sizeof(report)) < 0 && errno == EINTR) {
  }
}

void CloseAllBut(const SupervisorPlan& plan) {
  int kept[] = {plan.null_device, plan.output, plan.report, plan.lifeline, plan.working_directory};
  std::sort(std::begin(kept), std::end(kept));
  unsigned next = 0;
  for (const int descriptor : kept) {
    if (descriptor < 0) continue;
    const auto keep = static_cast<unsigned>(descriptor);
    if (keep > next) close_range(next, keep - 1, 0);
    next = keep + 1;
  }
  close_range(next, UINT_MAX, 0);
}

void Limit(__rlimit_resource resource, int64_t value) {
  if (value < 0) return;
  const rlimit limit = {static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
  setrlimit(resource, &limit);
}

void ResetSignals() {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  // Handlers are reset by exec anyway, ignored signals are not.
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void BecomeCommand(const SupervisorPlan& plan, pid_t supervisor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(127);
  setsid();  // Out of the supervisor's process group: many scripts end with "kill 0".
  const int entered = plan.working_directory < 0 ? chdir("/") : fchdir(plan.working_directory);
  if (entered != 0) {
    Send(plan, Report::kCannotEnter, errno);
    _exit(127);
  }
  umask(022);
  dup2(plan.null_device, STDIN_FILENO);
  dup2(plan.output, STDOUT_FILENO);
  dup2(plan.output, STDERR_FILENO);
  close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);  // Not yet: `report` may be needed.
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_AS, plan.memory_bytes_max);
  Limit(RLIMIT_FSIZE, plan.file_bytes_max);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ResetSignals();
  execve(plan.arguments[0], plan.arguments, plan.environment);
  Send(plan, Report::kCannotRun, errno);
  _exit(127);
}

/// Reaps what has ended and reports the command's end. False if there is no child left.
bool Reap(const SupervisorPlan& plan, pid_t command, int flags) {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, flags);
    if (ended == command) Send(plan, Report::kEnded, status);
    if (ended == 0) return true;
    if (ended < 0 && errno != EINTR) return false;
    flags = WNOHANG;
  }
}

/// The parent of a process by /proc/<name>/stat, 0 if unknown.
pid_t ParentOf(int proc, const char* name) {
  char path[NAME_MAX + 8];
  size_t length = 0;
  for (; name[length] != '\0'; ++length) path[length] = name[length];
  for (const char* suffix = "/stat"; *suffix != '\0'; ++suffix) path[length++] = *suffix;
  path[length] = '\0';
  const int descriptor = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  char text[512];
  const ssize_t count = read(descriptor, text, sizeof(text) - 1);
  close(descriptor);
  if (count <= 0) return 0;
  text[count] = '\0';
  // "pid (name) state ppid ...", where the name may hold anything, ")" included.
  ssize_t at = count - 1;
  while (at > 0 && text[at] != ')') --at;
  if (at + 4 >= count) return 0;
  pid_t parent = 0;
  for (at += 4; text[at] >= '0' && text[at] <= '9'; ++at) parent = parent * 10 + (text[at] - '0');
  return parent;
}

pid_t ToPid(const char* name) {
  pid_t pid = 0;
  for (; *name >= '0' && *name <= '9'; ++name) pid = pid * 10 + (*name - '0');
  return *name == '\0' ? pid : 0;
}

/// Sends SIGKILL to every child. Only children, whose ids cannot be reused before they are reaped;
/// what they leave behind then becomes our child.
void KillChildren(int proc) {
  const pid_t self = getpid();
  alignas(dirent64) char buffer[4096];
  lseek(proc, 0, SEEK_SET);
  for (;;) {
    const long bytes = syscall(SYS_getdents64, proc, buffer, sizeof(buffer));
    if (bytes <= 0) return;
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      const pid_t pid = ToPid(entry->d_name);
      if (pid > 0 && ParentOf(proc, entry->d_name) == self) kill(pid, SIGKILL);
      at += entry->d_reclen;
    }
  }
}

/// Returns once the command has ended or the parent wants or needs its end.
void AwaitEnd(const SupervisorPlan& plan, pid_t command, int signals) {
  pollfd events[] = {{plan.lifeline, POLLIN, 0}, {signals, POLLIN, 0}};
  for (;;) {
    if (poll(events, 2, -1) < 0) continue;
    if (events[0].revents != 0) return;
    signalfd_siginfo signal = {};
    if (read(signals, &signal, sizeof(signal)) != sizeof(signal)) continue;
    if (signal.ssi_signo != SIGCHLD) return;
    siginfo_t ended = {};
    // Looks without reaping: KillAll reports it.
    if (waitid(P_PID, static_cast<id_t>(command), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return;
    if (ended.si_pid == command) return;
    // One of its orphans has ended. The command itself is not reaped here.
    for (;;) {
      siginfo_t orphan = {};
      if (waitid(P_ALL, 0, &orphan, WEXITED | WNOHANG | WNOWAIT) != 0 || orphan.si_pid == 0) break;
      if (orphan.si_pid == command) return;
      waitpid(orphan.si_pid, nullptr, 0);
    }
  }
}

void KillAll(const SupervisorPlan& plan, pid_t command) {
  const int proc = openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  kill(command, SIGKILL);  // Unreaped until now, so the id is still its own.
  while (Reap(plan, command, WNOHANG)) {
    KillChildren(proc);
    // At least one child was killed: wait for it instead of spinning.
    if (!Reap(plan, command, 0)) break;
  }
}

}  // namespace

void Supervise(const SupervisorPlan& plan) {
  prctl(PR_SET_NAME, "waybill-run");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  CloseAllBut(plan);
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &standard, nullptr);  // Ignored by a parent, it would reap behind our back.
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, kParentDied);
  const int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  // The lifeline tells the same, but a fork elsewhere in the parent might hold its other end for a
  // moment.
  prctl(PR_SET_PDEATHSIG, kParentDied);
  if (signals < 0 || getppid() != plan.parent) _exit(1);
  const pid_t self = getpid();
  const pid_t command = _Fork();
  if (command == 0) BecomeCommand(plan, self);
  if (command < 0) {
    Send(plan, Report::kCannotRun, errno);
    _exit(1);
  }
  close(plan.output);
  AwaitEnd(plan, command, signals);
  KillAll(plan, command);
  _exit(0);
}

}  // namespace waybill::process

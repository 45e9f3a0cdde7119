#include "common/jobdb/statement_log.h"

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "common/jobdb/statement.h"
#include "common/thread/mutex.h"

namespace waybill::jobdb {
namespace {

class StatementLog {
 public:
  explicit StatementLog(const char* path)
      : file_(path == nullptr ? nullptr : std::fopen(path, "ae")) {}

  void Record(const Statement& statement) {
    if (file_ == nullptr || *statement.path == '\0') {
      return;
    }
    const MutexLock lock(mutex_);
    if (seen_.insert(statement.path).second) {
      // One short write in append mode: lines of several processes do not mix.
      std::fprintf(file_, "%s\n", statement.path);
      std::fflush(file_);
    }
  }

 private:
  std::FILE* const file_;
  Mutex mutex_;
  std::set<std::string> seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void RecordExecuted(const Statement& statement) {
  // Never destroyed: a thread may still run a statement while the process ends.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  static StatementLog& log = *new StatementLog(std::getenv("WAYBILL_STATEMENT_LOG"));
  log.Record(statement);
}

}  // namespace waybill::jobdb

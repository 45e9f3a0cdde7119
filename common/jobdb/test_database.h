#ifndef WAYBILL_COMMON_JOBDB_TEST_DATABASE_H_
#define WAYBILL_COMMON_JOBDB_TEST_DATABASE_H_

#include <functional>
#include <string>

#include "common/jobdb/private_server.h"

namespace waybill::jobdb {

/// A job database of its own for one test, on a real PostgreSQL.
///
/// The first one in a process starts a private server (temporary directory, Unix socket only) and
/// migrates a template; each database is a clone of it, which takes some 30 ms. The server and its
/// directory go away with the process, however that ends. Without PostgreSQL's programs the process
/// exits with a message: a test that cannot run has failed.
class TestDatabase {
 public:
  TestDatabase();
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  const std::string& uri() const { return uri_; }

  /// Runs SQL beside the stores. The clock of leases is the database's, so a test lets time pass by
  /// making rows older.
  void Execute(const std::string& sql) const;

  /// The only field of the only row of `sql` as text, "NULL" for NULL. Throws otherwise.
  std::string QueryText(const std::string& sql) const;

  /// Runs `step` while another transaction has done `sql` and is still open. That one commits as
  /// soon as the step waits for a lock, or is over without having waited.
  void WhileOpen(const std::string& sql, const std::function<void()>& step) const;

  /// The server of this process, for tests that stop and start it.
  static PrivateServer& Server();

 private:
  const std::string name_;
  const std::string uri_;
};

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_TEST_DATABASE_H_

#include "common/jobdb/database.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <pqxx/pqxx>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/connection_string.h"
#include "common/jobdb/pg_errors.h"
#include "common/jobdb/statement.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"

namespace waybill::jobdb {
namespace {

std::string SetMilliseconds(const char* name, absl::Duration value) {
  return absl::StrCat("SET ", name, " = '", absl::ToInt64Milliseconds(value), "ms';");
}

// Formats are fixed too, because database_query.h reads them. synchronous_commit is set although it
// is the default: what we acknowledge must survive a crash, whatever the server's configuration.
std::string SessionSettings(pqxx::connection& connection, const Database::Options& options) {
  return absl::StrCat(
      SetMilliseconds("statement_timeout", options.statement_timeout),
      SetMilliseconds("lock_timeout", options.lock_timeout),
      SetMilliseconds("idle_in_transaction_session_timeout", options.idle_in_transaction_timeout),
      "SET application_name = ", connection.quote(options.application_name),
      "; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET bytea_output = 'hex';",
      "SET synchronous_commit = on; SET client_encoding = 'UTF8';");
}

}  // namespace

/// One connection with everything prepared.
class Session {
 public:
  Session(const ConnectionString& target, const Database::Options& options,
          absl::Span<const Statement> statements)
      : connection_(target.for_libpq()) {
    // libpqxx would reconnect in silence, without these settings. Deprecated only because its next
    // version no longer reconnects.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection_.inhibit_reactivation(true);
#pragma GCC diagnostic pop
    pqxx::nontransaction(connection_).exec(SessionSettings(connection_, options));
    for (const Statement& statement : statements) {
      connection_.prepare(statement.name, statement.sql);
      connection_.prepare_now(statement.name);  // prepare() alone waits for the first use.
    }
  }

  pqxx::connection& connection() { return connection_; }

 private:
  pqxx::connection connection_;
};

absl::StatusOr<std::unique_ptr<Database>> Database::Open(Options options,
                                                         absl::Span<const Statement> statements) {
  WAYBILL_ASSIGN_OR_RETURN(ConnectionString target, ConnectionString::Parse(options.uri));
  std::unique_ptr<Database> database(
      new Database(std::move(options), std::move(target), statements));
  WAYBILL_ASSIGN_OR_RETURN(auto session, database->Take());
  database->GiveBack(std::move(session));
  return database;
}

Database::Database(Options options, ConnectionString target, absl::Span<const Statement> statements)
    : options_(std::move(options)), target_(std::move(target)), statements_(statements) {}

Database::~Database() = default;

absl::Status Database::Run(const Statement& statement,
                           absl::FunctionRef<absl::Status(pqxx::transaction_base&)> body) {
  WAYBILL_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Take());
  std::unique_ptr<pqxx::transaction_base> work;
  absl::Status status = Begin(statement, session, work);
  if (status.ok()) {
    status = CatchPgErrors(statement.name, [&] {
      WAYBILL_RETURN_IF_ERROR(body(*work));
      work->commit();
      return absl::OkStatus();
    });
  }
  work.reset();  // Rolls back what was not committed, before another call gets the session.
  GiveBack(std::move(session));
  return status;
}

absl::Status Database::RunRetrying(const Statement& statement,
                                   absl::FunctionRef<absl::Status(pqxx::transaction_base&)> body) {
  absl::Status status;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    status = Run(statement, body);
    if (!absl::IsAborted(status)) {
      break;
    }
  }
  return status;
}

// A session may have died while it was idle, as all do when the server restarts. Nothing has
// happened before BEGIN, so another session may take its place.
absl::Status Database::Begin(const Statement& statement, std::unique_ptr<Session>& session,
                             std::unique_ptr<pqxx::transaction_base>& work) {
  const auto begin = [&] {
    work = std::make_unique<pqxx::work>(session->connection());
    return absl::OkStatus();
  };
  const absl::Status first = CatchPgErrors(statement.name, begin);
  if (!absl::IsUnavailable(first)) {
    return first;
  }
  absl::StatusOr<std::unique_ptr<Session>> fresh = Connect();
  session.reset();
  WAYBILL_RETURN_IF_ERROR(fresh.status());
  session = *std::move(fresh);
  return CatchPgErrors(statement.name, begin);
}

absl::StatusOr<std::unique_ptr<Session>> Database::Take() {
  {
    const MutexLock lock(mutex_);
    WAYBILL_RETURN_IF_ERROR(AwaitTurn());
    ++taken_;
    if (!idle_.empty()) {
      std::unique_ptr<Session> session = std::move(idle_.back());
      idle_.pop_back();
      return session;
    }
  }
  absl::StatusOr<std::unique_ptr<Session>> session = Connect();
  if (!session.ok()) {
    GiveBack(nullptr);
  }
  return session;
}

absl::Status Database::AwaitTurn() {
  const auto end =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options_.session_wait_max);
  while (taken_ >= options_.sessions_max) {
    const absl::Duration left = absl::FromChrono(end - std::chrono::steady_clock::now());
    if (left <= absl::ZeroDuration()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "all ", options_.sessions_max, " sessions of the job database stayed in use for ",
          absl::FormatDuration(options_.session_wait_max)));
    }
    given_back_.WaitFor(mutex_, left);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Session>> Database::Connect() const {
  std::unique_ptr<Session> session;
  WAYBILL_RETURN_IF_ERROR(CatchConnectErrors(target_, [&] {
    session = std::make_unique<Session>(target_, options_, statements_);
    return absl::OkStatus();
  }));
  return session;
}

void Database::GiveBack(std::unique_ptr<Session> session) {
  const MutexLock lock(mutex_);
  --taken_;
  if (session != nullptr && session->connection().is_open()) {
    idle_.push_back(std::move(session));
  }
  given_back_.NotifyAll();
}

}  // namespace waybill::jobdb

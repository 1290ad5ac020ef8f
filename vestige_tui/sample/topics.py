"""The topics of the notes, with the words each of them talks in. They become the sample's domains."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject of an engineer's notes, and domain of the sample.

    ``terms`` are its top terms; the other tuples fill the slots of the same name in
    :mod:`vestige_tui.sample.phrases`. ``number`` tells topics apart that share their words.
    """

    subject: str
    name: str
    terms: tuple[str, ...]
    tools: tuple[str, ...]
    parts: tuple[str, ...]
    symptoms: tuple[str, ...]
    causes: tuple[str, ...]
    fixes: tuple[str, ...]
    commands: tuple[str, ...]
    number: int = 1

    @property
    def slug(self) -> str:
        """The id of the domain: lower-case words with hyphens."""
        return f"{self.subject}-{self.number}" if self.number > 1 else self.subject

    @property
    def label(self) -> str:
        """The name of the domain."""
        return f"{self.name} {self.number}" if self.number > 1 else self.name


# fmt: off
TOPICS = (
    Topic(
        "databases", "Databases & storage",
        ("postgres", "sqlite", "index", "migration", "vacuum", "transaction", "wal", "query plan", "pgvector"),
        ("PostgreSQL", "SQLite", "pgvector", "PgBouncer", "sqlx", "Alembic", "Redis"),
        ("the migration runner", "the connection pool", "the nightly vacuum", "the read replica", "the outbox table",
         "the HNSW index", "the audit trigger"),
        ("checkpoints take minutes", "the pool runs dry at noon", "a sequential scan on 40M rows",
         "replication lag climbs past 30 s", "deadlocks between two batch jobs", "the WAL file never shrinks"),
        ("a missing partial index", "an idle-in-transaction session", "statistics that were never refreshed",
         "a long-running reader that pins the WAL", "a cast that defeats the index", "autovacuum set far too lazy"),
        ("add the index CONCURRENTLY", "set idle_in_transaction_session_timeout", "raise the statistics target",
         "split the batch into chunks of 500", "run ANALYZE after every bulk load", "use keyset pagination"),
        ("psql -c 'SELECT pid, state, query FROM pg_stat_activity'", "sqlite3 notes.db 'PRAGMA integrity_check'",
         "pg_dump --schema-only app > schema.sql", "EXPLAIN (ANALYZE, BUFFERS) SELECT …"),
    ),
    Topic(
        "frontend", "Frontend & interaction",
        ("react", "css", "bundle", "accessibility", "hydration", "focus", "tailwind", "storybook", "render"),
        ("React", "Vite", "Tailwind", "Playwright", "Storybook", "TanStack Query", "Textual"),
        ("the settings dialog", "the command palette", "the virtual list", "the date picker", "the dark theme",
         "the onboarding tour", "the search box"),
        ("focus jumps to the body", "the list flickers while scrolling", "a layout shift of 0.3 on first load",
         "hydration warnings in the console", "the bundle grew past 900 kB", "Escape closes two dialogs at once"),
        ("state kept in two places", "an effect without a dependency", "a key built from the array index",
         "a global CSS reset loaded twice", "a barrel file that defeats tree shaking", "an event that still bubbles"),
        ("move the state up one level", "memoise the row component", "load the editor lazily",
         "trap the focus inside the dialog", "reserve the height with aspect-ratio", "import past the barrel"),
        ("pnpm build --report", "npx playwright test --ui", "pnpm dlx knip", "npx lighthouse https://app.example.com"),
    ),
    Topic(
        "rust", "Rust & systems",
        ("rust", "tokio", "lifetime", "async", "serde", "cargo", "borrow checker", "tracing", "unsafe"),
        ("Tokio", "serde", "Axum", "cargo-nextest", "tracing", "rayon", "clap"),
        ("the scheduler loop", "the parser", "the file watcher", "the plugin host", "the ring buffer",
         "the retry layer", "the wire codec"),
        ("a future that is not Send", "memory grows by 2 MB a minute", "a deadlock on shutdown",
         "the debug build overflows its stack", "CI compiles for 19 minutes", "a panic while dropping a guard"),
        ("a MutexGuard held across an await", "a blocking call inside an async task", "an unbounded channel",
         "a clone in the hot loop", "two versions of the same crate", "a feature flag that leaks into other crates"),
        ("scope the guard in its own block", "move the work to spawn_blocking", "bound the channel at 1024",
         "borrow instead of cloning", "pin the crate in the workspace", "split the crate along its features"),
        ("cargo nextest run --no-fail-fast", "cargo tree -d", "cargo bloat --crates", "RUST_LOG=debug cargo run"),
    ),
    Topic(
        "operations", "Deployment & operations",
        ("kubernetes", "terraform", "rollout", "alert", "latency", "backup", "certificate", "runbook", "on-call"),
        ("Kubernetes", "Terraform", "Grafana", "Prometheus", "Helm", "systemd", "Caddy"),
        ("the staging cluster", "the backup job", "the ingress", "the alert rules", "the build cache",
         "the canary rollout", "the log shipper"),
        ("pods restart every 11 minutes", "p99 latency doubles after the rollout", "the disk fills up overnight",
         "alerts fire without a cause", "the certificate expires unnoticed", "DNS lookups time out in one zone"),
        ("a memory limit below the heap size", "a probe that is stricter than the start-up", "debug logging left on",
         "a threshold copied from another service", "a renewal hook without its permission", "ndots set to 5"),
        ("raise the limit and cap the heap", "give the probe an initial delay", "rotate logs by size",
         "alert on the error budget", "renew 30 days before the end", "cache DNS on every node"),
        ("kubectl rollout undo deploy/api", "terraform plan -out tf.plan", "journalctl -u vestige --since today",
         "restic snapshots --latest 3"),
    ),
    Topic(
        "machine-learning", "Models & embeddings",
        ("embedding", "recall", "prompt", "token", "reranker", "fine-tune", "evaluation", "onnx", "chunking"),
        ("fastembed", "ONNX Runtime", "PyTorch", "a cross-encoder", "Qwen3", "nomic-embed", "MTEB"),
        ("the retrieval step", "the reranker", "the chunker", "the evaluation set", "the prompt template",
         "the embedding cache", "the tokenizer"),
        ("recall@10 drops to 0.71", "answers cite the wrong note", "two models share one index",
         "short queries find nothing", "the first call takes 9 seconds", "duplicates crowd out the results"),
        ("vectors that were never normalised", "a missing query prefix", "chunks that cut sentences in half",
         "a model loaded on every request", "an evaluation set that leaked into training", "truncation to 256 tokens"),
        ("normalise before storing", "prefix queries with search_query:", "overlap the chunks by 64 tokens",
         "warm the model at start-up", "hold out a fresh evaluation set", "deduplicate above a cosine of 0.95"),
        ("python -m evals.run --set golden", "vestige stats", "nvidia-smi --query-gpu=memory.used --format=csv",
         "vestige consolidate"),
    ),
    Topic(
        "security", "Security & privacy",
        ("token", "oauth", "secret", "audit", "tls", "csp", "permission", "rotation", "threat model"),
        ("Keycloak", "Vault", "OpenSSL", "Semgrep", "OAuth", "WebAuthn", "age"),
        ("the session store", "the webhook receiver", "the audit log", "the admin panel", "the token endpoint",
         "the upload service", "the permission matrix"),
        ("tokens outlive a logout", "a secret appears in a build log", "the audit log skips failed calls",
         "a redirect accepts any host", "uploads keep their EXIF data", "rate limits count per node only"),
        ("a refresh token that never rotates", "an environment dump on error", "a middleware in the wrong order",
         "a prefix check instead of an equality check", "a library default", "counters kept in local memory"),
        ("rotate refresh tokens on use", "mask values before logging", "check the host against a list",
         "strip metadata on upload", "keep the counters in Redis", "deny by default"),
        ("openssl s_client -connect api.example.com:443", "semgrep --config auto src/", "gitleaks detect --redact",
         "age -d -i key.txt backup.age > backup.tar"),
    ),
    Topic(
        "testing", "Testing & quality",
        ("pytest", "fixture", "flaky", "coverage", "snapshot", "property test", "mock", "ci", "regression"),
        ("pytest", "Hypothesis", "Playwright", "testcontainers", "mypy", "ruff", "coverage.py"),
        ("the integration suite", "the snapshot tests", "the CI matrix", "the factory helpers", "the load test",
         "the contract tests", "the pre-commit hooks"),
        ("a test fails one time in forty", "CI is green while main is broken", "snapshots differ by font",
         "the suite takes 26 minutes", "coverage fell by 4 points", "a mock hides a changed signature"),
        ("a test that sleeps instead of waiting", "a shared temporary folder", "the order of a set",
         "a fixture with module scope", "the local time zone", "an assertion inside a bare except"),
        ("wait for the event, not for time", "give each worker its own folder", "sort before comparing",
         "freeze the clock", "use autospec", "run the slow tests nightly"),
        ("pytest -x -q --lf", "pytest -n auto --dist loadscope", "mypy --strict src", "ruff check --fix ."),
    ),
    Topic(
        "team", "Team & product",
        ("meeting", "roadmap", "interview", "review", "onboarding", "customer", "decision", "estimate", "retro"),
        ("Linear", "Notion", "Figma", "a shared calendar", "GitHub", "a decision log", "Loom"),
        ("the weekly planning", "the beta programme", "the release notes", "the hiring loop", "the design review",
         "the support rota", "the pricing page"),
        ("three teams wait for one review", "the estimate was off by two weeks", "customers miss the import button",
         "the retro repeats itself", "nobody owns the changelog", "new people need four days to get started"),
        ("no owner was named", "the scope grew after the kick-off", "a label only insiders understand",
         "actions without a date", "a set-up guide from last year", "decisions made in private chats"),
        ("name one owner per decision", "write the decision down the same day", "cut the scope, keep the date",
         "review within one working day", "test the wording with five people", "automate the set-up script"),
        ("gh pr list --search 'review:required'", "gh issue list --label beta", "git shortlog -sn --since '1 month'",
         "gh release create v2.4.0 --notes-file NOTES.md"),
    ),
)
"""The eight written topics. The first five are the default domains."""
# fmt: on


def topics(count: int) -> tuple[Topic, ...]:
    """Return ``count`` topics with different slugs; past the eighth the words repeat, numbered (``rust-2``)."""
    rounds = (divmod(number, len(TOPICS)) for number in range(count))
    return tuple(replace(TOPICS[which], number=again + 1) for again, which in rounds)

"""Code that notes quote, by the subject of their topic: Markdown blocks of a few lines."""

from __future__ import annotations

SNIPPETS: dict[str, tuple[str, ...]] = {
    "databases": (
        """\
```sql
CREATE INDEX CONCURRENTLY idx_events_account
    ON events (account_id, created_at DESC)
    WHERE archived_at IS NULL;
```""",
        """\
```sql
SELECT relname, n_dead_tup, last_autovacuum
  FROM pg_stat_user_tables
 ORDER BY n_dead_tup DESC LIMIT 10;
```""",
    ),
    "frontend": (
        """\
```tsx
const rows = useMemo(() => groupByDay(items), [items]);
return <VirtualList rows={rows} />;
```""",
        """\
```css
.panel { display: grid; grid-template-rows: auto 1fr auto; }
.panel > main { overflow: auto; }
```""",
    ),
    "rust": (
        """\
```rust
let snapshot = { state.lock().await.clone() };
publish(&snapshot).await?;
```""",
        """\
```rust
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("row {0} has no id")]
    NoId(u64),
}
```""",
    ),
    "operations": (
        """\
```yaml
livenessProbe:
  httpGet: { path: /healthz, port: 8080 }
  initialDelaySeconds: 30
```""",
        """\
```bash
kubectl -n staging get events --sort-by=.lastTimestamp | tail -20
```""",
    ),
    "machine-learning": (
        """\
```python
scores = queries @ notes.T
top = np.argpartition(-scores, 10, axis=1)[:, :10]
```""",
        """\
```python
def normalise(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)
```""",
    ),
    "security": (
        """\
```python
if not hmac.compare_digest(signature, expected):
    raise PermissionError("bad signature")
```""",
        """\
```nginx
add_header Content-Security-Policy "default-src 'self'" always;
```""",
    ),
    "testing": (
        """\
```python
@given(st.text())
def test_round_trip(value: str) -> None:
    assert decode(encode(value)) == value
```""",
        """\
```python
@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock(2026, 1, 5)
    monkeypatch.setattr("app.time.now", fake)
    return fake
```""",
    ),
    "team": (
        """\
```
Agenda: 1. demo  2. open decisions  3. risks  4. who does what by when
```""",
        """\
```mermaid
graph LR; Beta --> Feedback; Feedback --> Release
```""",
    ),
}

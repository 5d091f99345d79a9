"""What a customer may want next: what others bought who bought the same, never what he sent back.

Item to item by cosine (Linden, Smith & York 2003), summed over what the customer bought; where that gives too few,
the bestsellers of his categories, then those of all. Columnar; no row leaves NumPy before the answer.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from winback.lift.intervals import Proportion

LINES: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "product_id": pl.String(),
        "category": pl.String(),
        "returned": pl.Boolean(),  # taken back or refunded; else bought
    }
)
RECOMMENDED: Final = pl.Schema({"customer_no": pl.Int64(), "place": pl.Int64(), "product_id": pl.String()})
HOW_MANY: Final = 3
MOST_PRODUCTS: Final = 5_000  # the bestsellers: the others have too few buyers to be compared
CHUNK: Final = 2_000  # customers at a time: 80 MB of scores
_OF_CATEGORY, _OF_ALL = 1e-3, 1e-6  # below any similarity that means something; above nothing

Floats = NDArray[np.float32]
Sparse = csr_array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shop:
    """Products by number, most bought first, and what is known of customers, one row each."""

    customers: pl.Series
    products: pl.Series
    bought: Sparse
    returned: Sparse
    popular: Floats  # buyers of each product, as a share of the most
    category: NDArray[np.int64]  # -1 without


def recommend(lines: pl.DataFrame, whom: pl.Series | None = None) -> pl.DataFrame:
    """RECOMMENDED: up to three products for everyone in ``lines`` (LINES), the best first.

    None that he bought or returned; so fewer for who bought nearly everything. ``whom``: for these customer
    numbers only, learned from all; who bought nothing yet gets the bestsellers.
    """
    shop = _shop(lines, whom)
    alike = _similarity(shop.bought)
    return _chosen(shop if whom is None else _only(shop, whom), alike)


def _only(shop: _Shop, whom: pl.Series) -> _Shop:
    """The shop as far as these customers are concerned."""
    rows = shop.customers.is_in(whom.unique().implode()).arg_true().to_numpy()
    return replace(shop, customers=shop.customers[rows], bought=shop.bought[rows], returned=shop.returned[rows])


def popular(lines: pl.DataFrame) -> pl.DataFrame:
    """RECOMMENDED by plain popularity, what recommendations must beat: the bestsellers he has not bought."""
    shop = _shop(lines.with_columns(category=pl.lit(None, dtype=pl.String)))
    return _chosen(shop, np.zeros((len(shop.products), len(shop.products)), dtype=np.float32))


def _chosen(shop: _Shop, alike: Floats) -> pl.DataFrame:
    if shop.products.is_empty():
        return RECOMMENDED.to_frame()
    starts = range(0, len(shop.customers), CHUNK)
    return _frame(shop, np.concatenate([_best(shop, alike, slice(start, start + CHUNK)) for start in starts]))


def hit_rate(recommended: pl.DataFrame, later: pl.DataFrame) -> Proportion:
    """Of the customers who bought in ``later`` (customer_no, product_id), those who bought one of theirs."""
    told = recommended.join(later, on="customer_no", how="semi")
    hits = told.join(later, on=["customer_no", "product_id"], how="semi")
    return Proportion(x=hits["customer_no"].n_unique(), n=told["customer_no"].n_unique())


def _shop(lines: pl.DataFrame, whom: pl.Series | None = None) -> _Shop:
    bought = lines.filter(~pl.col("returned"))
    counts = bought.group_by("product_id").agg(
        buyers=pl.col("customer_no").n_unique(), category=pl.col("category").drop_nulls().sort().first()
    )
    counts = counts.sort(["buyers", "product_id"], descending=[True, False]).head(MOST_PRODUCTS)
    known = lines["customer_no"] if whom is None else pl.concat([lines["customer_no"], whom])
    customers = known.unique().sort()
    numbers = counts["category"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy() - 1
    buyers = counts["buyers"].to_numpy().astype(np.float32)
    return _Shop(
        customers=customers,
        products=counts["product_id"],
        bought=_matrix(bought, customers, counts["product_id"]),
        returned=_matrix(lines.filter("returned"), customers, counts["product_id"]),
        popular=buyers / buyers.max() if len(buyers) else buyers,
        category=numbers,
    )


def _matrix(lines: pl.DataFrame, customers: pl.Series, products: pl.Series) -> Sparse:
    """1 where a customer has a line of a product."""
    rows = pl.DataFrame({"customer_no": customers}).with_row_index("row")
    columns = pl.DataFrame({"product_id": products}).with_row_index("column")
    pairs = lines.select("customer_no", "product_id").unique().join(rows, on="customer_no")
    pairs = pairs.join(columns, on="product_id").sort("row", "column")
    places = pairs["row"].to_numpy(), pairs["column"].to_numpy()
    return csr_array((np.ones(pairs.height, dtype=np.float32), places), shape=(len(customers), len(products)))


def _similarity(bought: Sparse) -> Floats:
    """Cosine of products over customers, 0 with itself."""
    together = (bought.T @ bought).toarray()
    sizes = np.sqrt(np.maximum(together.diagonal(), 1))
    alike = together / sizes[:, None] / sizes[None, :]
    np.fill_diagonal(alike, 0)
    return np.asarray(alike, dtype=np.float32)


def _best(shop: _Shop, alike: Floats, rows: slice) -> NDArray[np.int64]:
    """The numbers of the best products of each customer; -1 where there is none left."""
    bought, returned = shop.bought[rows], shop.returned[rows]
    scores = bought @ alike + _OF_ALL * shop.popular
    scores += _OF_CATEGORY * _same_category(bought.toarray() > 0, shop.category) * shop.popular
    scores[(bought + returned).toarray() > 0] = -1
    some = np.argpartition(-scores, range(min(HOW_MANY, scores.shape[1])), axis=1)[:, :HOW_MANY]
    return np.where(np.take_along_axis(scores, some, axis=1) > 0, some, -1)


def _same_category(bought: NDArray[np.bool_], category: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each product is of a category the customer bought from; a product without one is of none."""
    kinds = np.zeros((len(bought), category.max(initial=-1) + 2), dtype=bool)  # the last is "without"
    for number in range(kinds.shape[1] - 1):
        kinds[:, number] = bought[:, category == number].any(axis=1)
    return np.asarray(kinds[:, category])


def _frame(shop: _Shop, chosen: NDArray[np.int64]) -> pl.DataFrame:
    width = chosen.shape[1]
    flat = chosen.ravel()
    frame = pl.DataFrame(
        {
            "customer_no": np.repeat(shop.customers.to_numpy(), width),
            "place": np.tile(np.arange(1, width + 1), len(chosen)),
            "number": flat,
        }
    ).filter(pl.col("number") >= 0)
    return frame.with_columns(product_id=shop.products[frame["number"].to_list()]).select(RECOMMENDED.names())

//! How a route answers a read, and what becomes of the answer.

use std::cell::Cell;

use bytes::Bytes;
use http::StatusCode;

use super::coding::Coding;
use super::content::{self, Content};
use super::etag::EntityTag;
use super::{Request, Response, View};
use crate::error::RespondError;
use crate::generation::CoreGeneration;
use crate::routes::RouteName;

/// A GET or HEAD on its way through a route.
pub(crate) struct Reader<'a> {
    pub(super) request: &'a Request<'a>,
    pub(crate) view: &'a View<'a>,
    /// What the body should be sent in.
    pub(crate) coding: Coding,
    pub(super) route: RouteName,
}

/// What a route has to say.
pub(crate) enum Reply {
    /// Rendered from the generation.
    Content(Content),
    /// The client has it already.
    Unchanged {
        tag: EntityTag,
        content_type: &'static str,
    },
    /// About this very moment; nobody keeps it.
    Momentary(Response),
}

impl<'a> Reader<'a> {
    pub(crate) fn generation(&self) -> Result<&'a CoreGeneration, RespondError> {
        self.view.generation.ok_or(RespondError::NotReady)
    }

    /// Answers with data: renders, unless the client lists the tag, and
    /// compresses.
    ///
    /// # Errors
    ///
    /// As `render` has them.
    pub(crate) fn data(
        &self,
        tag: EntityTag,
        content_type: &'static str,
        render: impl FnOnce() -> Result<Bytes, RespondError>,
    ) -> Result<Reply, RespondError> {
        if content::is_listed(self.request.headers, &tag) {
            return Ok(Reply::Unchanged { tag, content_type });
        }
        let generation = self.generation()?;
        let body = render()?;
        let encoded = match self.coding {
            Coding::Gzip => generation.kept().gzip.borrow_mut().encode(&body),
            Coding::Identity => None,
        };
        Ok(Reply::Content(Content {
            route: self.route,
            status: StatusCode::OK,
            content_type,
            tag: Some(tag),
            coding: match &encoded {
                Some(_) => self.coding,
                None => Coding::Identity,
            },
            body: encoded.unwrap_or(body),
            hits: Cell::new(0),
        }))
    }

    /// Keeps what can be kept, and makes the response.
    pub(super) fn finish(
        &self,
        reply: Result<Reply, RespondError>,
    ) -> Result<Response, RespondError> {
        let content = match reply {
            Ok(Reply::Momentary(response)) => return Ok(response),
            Ok(Reply::Unchanged { tag, content_type }) => {
                let generation = self.generation()?;
                let now = self.view.now_seconds;
                return Ok(content::not_modified(&tag, content_type, generation, now));
            }
            Ok(Reply::Content(content)) => content,
            // As good as data: the same until the next snapshot.
            Err(RespondError::NoRows) => Content::no_rows(self.route),
            Err(error) => return Err(error),
        };
        let generation = self.generation()?;
        let response = content.present(self.request, generation, self.view.now_seconds);
        let mut cache = generation.kept().cache.borrow_mut();
        cache.insert(self.request.target, self.coding, content);
        Ok(response)
    }
}
